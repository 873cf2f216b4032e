// Command fields counts words as whoever knows only the standard library writes it.
package main

import (
	"context"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

func count(_ context.Context, line string, emit func(string, int64)) error {
	for word := range strings.FieldsSeq(line) {
		emit(word, 1)
	}
	return nil
}

var job = jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "fields", Map: count, Combine: jobs.Sum[int64]()}

func main() { jobs.Main(job) }
