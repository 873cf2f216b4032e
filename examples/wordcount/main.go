// Command wordcount counts the words of text: the hello world of map-reduce.
//
//	go run ./examples/wordcount README.md
//	mrctl run ./examples/wordcount README.md -- -lower
package main

import (
	"context"
	"flag"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

var lower = flag.Bool("lower", false, "count words without regard to case")

// Count is a row of the result.
type Count struct {
	Word string
	N    int64
}

func words(_ context.Context, line string, emit func(string, int64)) error {
	if *lower {
		line = strings.ToLower(line)
	}
	for word := range jobs.Words(line) {
		emit(word, 1)
	}
	return nil
}

var job = jobs.Job[string, string, int64, Count]{Name: "wordcount", Map: words, Combine: jobs.Sum[int64]()}

func main() { jobs.Main(job) }
