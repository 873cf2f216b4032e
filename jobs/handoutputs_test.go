package jobs

import (
	"context"
	"iter"
	"testing"
)

var (
	handOnce = Output[string]("once")
	handRest = Output[int64]("rest")
)

// Rows of named outputs are counted, since by hand they go nowhere.
func TestByHandNamedOutputs(t *testing.T) {
	reduces := Job[string, string, int64, string]{
		Name: "x", Map: countWords,
		Reduce: func(ctx context.Context, word string, counts iter.Seq[int64], emit func(string)) error {
			n := 0
			for range counts {
				n++
			}
			if n == 1 {
				handOnce.Emit(ctx, word)
			}
			emit(word)
			return nil
		},
		Outputs: []NamedOutput{handOnce, handRest},
	}
	maps := Each("x", func(ctx context.Context, line string, emit func(string)) error {
		handRest.Emit(ctx, int64(len(line)))
		emit(line)
		return nil
	})
	maps.Outputs = []NamedOutput{handRest}
	for _, c := range []struct {
		job         Stage
		out, stderr string
	}{
		{reduces, "a\nb\nc\n", "rows of named outputs are not kept here (once: 2, rest: 0); mrctl run -o DIR keeps them\n"},
		{maps, "b a b\nc\n", "rows of named outputs are not kept here (rest: 2); mrctl run -o DIR keeps them\n"},
	} {
		code, out, stderr := hand(t, c.job, "b a b\nc\n", "-")
		if code != 0 || out != c.out || stderr != c.stderr {
			t.Errorf("exit %d\nstdout %q\nstderr %q", code, out, stderr)
		}
	}
}
