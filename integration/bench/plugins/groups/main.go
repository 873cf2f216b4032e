// Command groups counts rows "key value" by key, with the bytes of their values. All values travel to the reducer, as in
// jobs whose work cannot be combined.
package main

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

// Group is a row of the result.
type Group struct {
	Key   string
	Rows  int64
	Bytes int64
}

func split(_ context.Context, row string, emit func(string, string)) error {
	key, value, ok := strings.Cut(row, " ")
	if !ok {
		return jobs.BadRecord(errors.New("a row without a value"))
	}
	emit(key, value)
	return nil
}

func count(_ context.Context, key string, values iter.Seq[string], emit func(Group)) error {
	g := Group{Key: key}
	for v := range values {
		g.Rows++
		g.Bytes += int64(len(v))
	}
	emit(g)
	return nil
}

var job = jobs.Job[string, string, string, Group]{Name: "groups", Map: split, Reduce: count}

func main() { jobs.Main(job) }
