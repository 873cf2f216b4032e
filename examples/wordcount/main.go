// Command wordcount counts words: what strings.Fields says is one.
package main

import (
	"context"
	"flag"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

var lower = flag.Bool("lower", false, "count words without regard to case")

func count(_ context.Context, line string, emit func(string, int64)) error {
	if *lower {
		line = strings.ToLower(line)
	}
	for word := range jobs.Words(line) {
		emit(word, 1)
	}
	return nil
}

func main() { jobs.Main(job) }

var job = jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "wordcount", Map: count, Combine: jobs.Sum[int64]()}
