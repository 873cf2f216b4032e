package jobstest

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mrctl/mrctl/jobs"
)

var (
	once  = jobs.Output[count]("once")
	empty = jobs.Output[int64]("empty")
)

// parted is word count whose words that came once go to a named output.
func parted() jobs.Job[string, string, int64, count] {
	return jobs.Job[string, string, int64, count]{
		Name: "wc", Map: words, Combine: jobs.Sum[int64](),
		Reduce: func(ctx context.Context, word string, counts iter.Seq[int64], emit func(count)) error {
			var n int64
			for c := range counts {
				n += c
			}
			if n == 1 {
				once.Emit(ctx, count{word, n})
				return nil
			}
			emit(count{word, n})
			return nil
		},
		Outputs: []jobs.NamedOutput{once, empty},
	}
}

// upper only maps; what is written of an empty line differs from line to line.
func upper(of func() int64) jobs.Job[string, jobs.None, string, string] {
	j := jobs.Each("upper", func(ctx context.Context, line string, emit func(string)) error {
		if line == "" {
			empty.Emit(ctx, of())
			return nil
		}
		emit(strings.ToUpper(line))
		return nil
	})
	j.Outputs = []jobs.NamedOutput{empty}
	return j
}

func zero() int64 { return 0 }

func TestNamedOutputsKeepLaws(t *testing.T) {
	Laws(t, parted(), text)
	Laws(t, upper(zero), text)
}

func TestOutputs(t *testing.T) {
	for name, c := range map[string]struct{ got, want map[string][]string }{
		"reduced": {Outputs(t, parted(), text[:2]), map[string][]string{"": {"be\t2", "to\t2"}, "once": {"not\t1", "or\t1"}}},
		"mapped":  {Outputs(t, upper(zero), []string{"b", "", "a", ""}), map[string][]string{"": {"B", "A"}, "empty": {"0", "0"}}},
	} {
		if !maps.EqualFunc(c.got, c.want, slices.Equal) {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
}

// A law that the rows of a named output break is broken, and what is shown names the output.
func TestNamedOutputsBreakLaws(t *testing.T) {
	var calls atomic.Int64
	p, err := upper(func() int64 { return calls.Add(1) }).Program()
	if err != nil {
		t.Fatal(err)
	}
	o := options{}
	if o.kind, err = kindOf[string](); err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	for _, s := range text {
		records = append(records, []byte(s))
	}
	for _, l := range laws(len(records), 1) {
		if l.keys {
			continue
		}
		v := l.check(t.Context(), p, records, o)
		if v == nil {
			t.Fatalf("law %q is kept", l.name)
		}
		if shown := v.String(); len(v.records) != 1 || !strings.Contains(shown, "- output empty: ") {
			t.Errorf("law %q shows\n%s", l.name, shown)
		}
	}
}
