package sketch_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/jobstest"
	"github.com/mrctl/mrctl/jobs/sketch"
)

// seen is a value of all of them.
type seen struct {
	Words   sketch.HLL
	Lengths sketch.DDSketch
	Most    sketch.TopK
}

type summary struct {
	Letter    string
	Different uint64
	Median    float64
	Most      []sketch.Item
	Words     sketch.HLL
}

// TestSketchesAreValues runs a job whose values are sketches, and holds it to the laws.
func TestSketchesAreValues(t *testing.T) {
	merge := func(a, b seen) seen {
		return seen{a.Words.Merge(b.Words), a.Lengths.Merge(b.Lengths), a.Most.Merge(b.Most)}
	}
	job := jobs.Job[string, string, seen, summary]{
		Name: "summary", Combine: jobs.Fold(merge),
		Map: func(_ context.Context, line string, emit func(string, seen)) error {
			for w := range jobs.Words(line) {
				emit(w[:1], seen{sketch.HLL(nil).Add(w), sketch.DDSketch(nil).Add(float64(len(w))), sketch.TopK{}.Add(w, 1)})
			}
			return nil
		},
		Reduce: func(_ context.Context, letter string, values iter.Seq[seen], emit func(summary)) error {
			s := jobs.Fold(merge).Fold(values)
			emit(summary{letter, s.Words.Count(), s.Lengths.Quantile(0.5), s.Most.Top(3), s.Words})
			return nil
		},
	}
	jobstest.Laws(t, job, strings.Split("to be or not to be|that is the question|whether tis nobler||to suffer", "|"))

	lone := jobs.Job[string, string, sketch.HLL, jobs.Pair[string, sketch.HLL]]{
		Name: "lone", Combine: jobs.Fold(sketch.HLL.Merge),
		Map: func(_ context.Context, line string, emit func(string, sketch.HLL)) error {
			emit("all", sketch.HLL(nil).Add(line))
			return nil
		},
	}
	jobstest.Laws(t, lone, items("line", 1500))
}
