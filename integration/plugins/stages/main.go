// Command stages is a job of three stages: words are counted, then how many words come how often, and, with the names of
// an input of their own for some numbers, how common that is.
package main

import (
	"context"
	"iter"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

// Word is a row between the first stage and the others.
type Word struct {
	Word string
	N    int64
}

var words = jobs.Job[any, string, int64, Word]{
	Name: "words",
	Inputs: []jobs.Input[string, int64]{jobs.From("text", func(_ context.Context, line string, emit func(string, int64)) error {
		for w := range jobs.Words(line) {
			emit(strings.ToLower(w), 1)
		}
		return nil
	})},
	Combine: jobs.Sum[int64](),
}

var distinct = jobs.NewCounter("words", "different words")

// Often is how many words come N times.
type Often struct {
	N     int64
	Words int64
}

var often = jobs.Job[any, int64, int64, Often]{
	Name: "often",
	Inputs: []jobs.Input[int64, int64]{jobs.After(words, func(ctx context.Context, w Word, emit func(int64, int64)) error {
		distinct.Add(ctx, 1)
		emit(w.N, 1)
		return nil
	})},
	Combine: jobs.Sum[int64](),
}

// Name calls a number something.
type Name struct {
	N    int64
	Name string
}

// About is a row of the result.
type About struct {
	N       int64
	Name    string
	Words   int64
	Longest string
}

func merge(a, b About) About {
	a.Words += b.Words
	a.Name = max(a.Name, b.Name)
	if len(b.Longest) > len(a.Longest) || len(b.Longest) == len(a.Longest) && b.Longest < a.Longest {
		a.Longest = b.Longest
	}
	return a
}

var report = jobs.Job[any, int64, About, About]{
	Name: "report",
	Inputs: []jobs.Input[int64, About]{
		jobs.After(often, func(_ context.Context, o Often, emit func(int64, About)) error {
			emit(o.N, About{Words: o.Words})
			return nil
		}),
		jobs.After(words, func(_ context.Context, w Word, emit func(int64, About)) error {
			emit(w.N, About{Longest: w.Word})
			return nil
		}),
		jobs.From("names", func(_ context.Context, n Name, emit func(int64, About)) error {
			emit(n.N, About{Name: n.Name})
			return nil
		}),
	},
	Combine: jobs.Fold(merge),
	Reduce: func(_ context.Context, n int64, of iter.Seq[About], emit func(About)) error {
		all := About{N: n}
		for a := range of {
			all = merge(all, a)
		}
		all.N = n
		emit(all)
		return nil
	},
}

func main() { jobs.Main(words, often, report) }
