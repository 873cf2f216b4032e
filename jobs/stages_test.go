package jobs

import (
	"context"
	"strings"
	"testing"
)

// TestStages: the stages of a job fit together, or it is said which does not.
func TestStages(t *testing.T) {
	type first = Job[string, string, int64, Pair[string, int64]]
	named := func(name string) first { j := wordJob{Name: name, Map: countWords}; return first(j) }
	// after is a stage that reads the rows of others.
	after := func(name string, others ...first) Stage {
		j := Job[any, string, int64, Pair[string, int64]]{Name: name, Combine: Sum[int64]()}
		for _, o := range others {
			j.Inputs = append(j.Inputs, After(o, func(_ context.Context, r Pair[string, int64], emit func(string, int64)) error { return nil }))
		}
		return j
	}
	a, b := named("a"), named("b")
	type total struct{ N, Sum int64 }
	within := Job[string, string, total, Pair[string, total]]{
		Name: "within", Map: func(_ context.Context, line string, emit func(string, total)) error { return nil }, Combine: Fold(func(a, b total) total { return total{a.N + b.N, a.Sum + b.Sum} }),
	}
	for _, c := range []struct {
		what string
		list []Stage
		want string // of the error; "": there is none
	}{
		{"none", nil, "needs a job"},
		{"one", []Stage{a}, ""},
		{"a chain", []Stage{a, after("b", a)}, ""},
		{"two read one", []Stage{a, after("b", a), after("c", a, b)}, ""},
		{"of one name", []Stage{a, after("a", a)}, "two stages are called a"},
		{"nobody reads", []Stage{a, after("b", a), after("c", a)}, "no stage reads the rows of b"},
		{"not there", []Stage{a, after("c", a, b)}, "stage c reads the rows of b, which does not stand before it"},
		{"comes later", []Stage{after("c", a), a}, "stage c reads the rows of a, which does not stand before it"},
		{"a struct within", []Stage{within, Job[any, string, int64, Pair[string, int64]]{
			Name: "b", Combine: Sum[int64](),
			Inputs: []Input[string, int64]{After(within, func(_ context.Context, r Pair[string, total], emit func(string, int64)) error { return nil })},
		}}, "stage b cannot read the rows of within: it has no column value; it has key, n, sum (the fields of a struct within its Out are"},
		{"its own", []Stage{a, after("b", a, b)}, "stage b reads the rows of b, which does not stand before it"},
	} {
		programs, err := programsOf(c.list)
		switch {
		case c.want == "" && (err != nil || len(programs) != len(c.list)):
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
	programs, err := programsOf([]Stage{a, after("b", a), after("c", a, b)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]uint32{nil, {1}, {1, 2}} {
		var got []uint32
		for _, in := range described(programs)[i].Inputs {
			got = append(got, in.After)
		}
		if len(got) != len(want) || len(got) > 0 && got[len(got)-1] != want[len(want)-1] {
			t.Errorf("stage %d reads what is after %v, want %v", i, got, want)
		}
	}
}
