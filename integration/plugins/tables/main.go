// Command tables sums a column of numbers by one of words: what a word count wrote comes out of it again, from any format.
package main

import (
	"context"

	"github.com/mrctl/mrctl/jobs"
)

// Row is a row of a word count.
type Row struct {
	Key   string
	Value int64
}

func again(_ context.Context, r Row, emit func(string, int64)) error {
	emit(r.Key, r.Value)
	return nil
}

func main() {
	jobs.Main(jobs.Job[Row, string, int64, jobs.Pair[string, int64]]{Name: "tables", Map: again, Combine: jobs.Sum[int64]()})
}
