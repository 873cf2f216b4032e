// Command outputs is a job with named outputs: words and how often each came. Those that came once go to an output of their own,
// and the longest of each letter to another. With -lines it only maps: lines to upper case, and empty ones counted apart.
package main

import (
	"context"
	"flag"
	"iter"
	"strings"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/jobs"
)

var lines = flag.Bool("lines", false, "only map")

// Count is a word and how often it came.
type Count struct {
	Word  string
	Count int64
}

// Length is a word and its length.
type Length struct {
	Word  string
	Bytes int64
}

var (
	once  = jobs.Output[Count]("once")
	long  = jobs.Output[Length]("long")
	empty = jobs.Output[Length]("empty")
)

var words = jobs.Job[string, string, int64, Count]{
	Name: "words",
	Map: func(_ context.Context, line string, emit func(string, int64)) error {
		for w := range strings.FieldsSeq(line) {
			emit(w, 1)
		}
		return nil
	},
	Combine: jobs.Sum[int64](),
	Reduce: func(ctx context.Context, word string, counts iter.Seq[int64], emit func(Count)) error {
		var n int64
		for c := range counts {
			n += c
		}
		if len(word) > 6 {
			long.Emit(ctx, Length{word, int64(len(word))})
		}
		if n == 1 {
			once.Emit(ctx, Count{word, n})
			return nil
		}
		emit(Count{word, n})
		return nil
	},
	Outputs: []jobs.NamedOutput{once, long},
}

func upper() jobs.Job[string, jobs.None, Length, Length] {
	j := jobs.Each("upper", func(ctx context.Context, line string, emit func(Length)) error {
		if line == "" {
			empty.Emit(ctx, Length{})
			return nil
		}
		emit(Length{strings.ToUpper(line), int64(len(line))})
		return nil
	})
	j.Outputs = []jobs.NamedOutput{empty}
	return j
}

// either is the job that the flag asks for.
type either struct{}

func (either) Program() (boundary.Program, error) {
	if *lines {
		return upper().Program()
	}
	return words.Program()
}

func main() { jobs.Main(either{}) }
