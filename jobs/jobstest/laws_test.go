package jobstest

import (
	"context"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/jobs"
)

var text = []string{"to be or not to be", "", "that is the question", "whether tis nobler in the mind", "to suffer", "be \xff\x00 be", "\u00a0the\u2003end "}

type count struct {
	Word string
	N    int64
}

func words(_ context.Context, line string, emit func(string, int64)) error {
	for w := range jobs.Words(line) {
		emit(w, 1)
	}
	return nil
}

// Jobs of every kind that keep the laws.

func TestWordCount(t *testing.T) {
	Laws(t, jobs.Job[string, string, int64, count]{Name: "wc", Map: words, Combine: jobs.Sum[int64]()}, text)
}

func TestCountMinMax(t *testing.T) {
	type line string // a type of the user's own
	lengths := func(_ context.Context, l line, emit func(line, int8)) error {
		for w := range jobs.Words(string(l)) {
			emit(line(w[:1]), int8(len(w)))
		}
		return nil
	}
	records := make([]line, len(text))
	for i, s := range text {
		records[i] = line(s)
	}
	for name, c := range map[string]jobs.Combiner[int8]{"count": jobs.Count[int8](), "min": jobs.Min[int8](), "max": jobs.Max[int8](), "none": {}} {
		t.Run(name, func(t *testing.T) {
			Laws(t, jobs.Job[line, line, int8, jobs.Pair[line, int8]]{Name: "lengths", Map: lengths, Combine: c}, records)
		})
	}
}

type place struct {
	Hour time.Time
	Path string
	Code *int16
}

type load struct {
	Hits    int64
	Agents  []string
	Longest float64
	Raw     []byte
	By      map[string]int
}

type report struct {
	place
	load
	Share float32
	Self  *place
}

// A job with everything that a key, a value and a row can hold.
func TestStructs(t *testing.T) {
	job := jobs.Job[[]byte, place, load, report]{
		Name: "structs",
		Map: func(_ context.Context, rec []byte, emit func(place, load)) error {
			if len(rec) == 0 {
				return jobs.BadRecord(errEmpty)
			}
			var code *int16
			if n := int16(len(rec)); n%2 == 0 {
				code = &n
			}
			buf := slices.Clone(rec[:1])
			emit(place{time.Unix(int64(len(rec)), 0), string(rec[:1]), code}, load{1, []string{string(rec)}, float64(len(rec)), buf, map[string]int{string(rec): 1}})
			buf[0] = '!' // the emitted value was ours to reuse
			return nil
		},
		Combine: jobs.Fold(func(a, b load) load {
			a.Hits += b.Hits
			a.Agents = append(a.Agents, b.Agents...)
			slices.Sort(a.Agents)
			a.Longest = max(a.Longest, b.Longest)
			for k, v := range b.By {
				a.By[k] += v
			}
			return a
		}),
		Reduce: func(_ context.Context, k place, vs iter.Seq[load], emit func(report)) error {
			var sum load
			first := true
			for v := range vs {
				if first {
					sum, first = v, false
					continue
				}
				sum.Hits += v.Hits
				sum.Agents = append(sum.Agents, v.Agents...)
				sum.Longest = max(sum.Longest, v.Longest)
				for w, n := range v.By {
					sum.By[w] += n
				}
			}
			slices.Sort(sum.Agents)
			emit(report{k, sum, float32(sum.Hits) / 3, &k})
			return nil
		},
		Partition: func(k place, n int) int { return len(k.Path) * int(k.Hour.Unix()) % n },
		Columns: func() []string {
			return []string{"path", "hits", "hour", "agents", "longest", "raw", "by", "share", "self", "code"}
		},
	}
	var records [][]byte
	for _, s := range append(text, text...) {
		records = append(records, []byte(s))
	}
	Laws(t, job, records)
}

var errEmpty = &emptyError{}

type emptyError struct{}

func (*emptyError) Error() string { return "empty" }

func TestMapBatch(t *testing.T) {
	batch := func(_ context.Context, in arrow.RecordBatch, emit *jobs.BatchEmitter) error {
		b := array.NewRecordBuilder(memory.DefaultAllocator, emit.Schema())
		lines := in.Column(0).(*array.String)
		for i := range lines.Len() {
			for w := range jobs.Words(lines.Value(i)) {
				b.Field(0).(*array.StringBuilder).Append(w)
				b.Field(1).(*array.Int64Builder).Append(1)
			}
		}
		return emit.Emit(b.NewRecordBatch().Columns()...)
	}
	job := jobs.Job[string, string, int64, count]{Name: "wc", MapBatch: batch, Combine: jobs.Sum[int64]()}
	Laws(t, job, text)
	want := rowsText(t, jobs.Job[string, string, int64, count]{Name: "wc", Map: words, Combine: jobs.Sum[int64]()})
	if got := rowsText(t, job); got != want {
		t.Errorf("MapBatch counts\n%s\nMap counts\n%s", got, want)
	}
}

func rowsText[In, K, V, Out any](t *testing.T, job jobs.Job[In, K, V, Out]) string {
	t.Helper()
	p, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	for _, s := range text {
		records = append(records, []byte(s))
	}
	res, err := run(t.Context(), p, records, setting{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range res.rows {
		out = append(out, r.text)
	}
	return strings.Join(out, "\n")
}

func TestIdentity(t *testing.T) {
	Laws(t, jobs.Identity[string]("sort"), append(text, text...))
	if got := rowsText(t, jobs.Identity[string]("sort")); strings.Count(got, "\n") != len(text)-1 {
		t.Errorf("the result is\n%s", got)
	}
}

// TestOnlyMaps: rows of a job without keys are in the order of its records, and one that looks at what went before is found.
func TestOnlyMaps(t *testing.T) {
	job := jobs.Each("lines", func(_ context.Context, line string, emit func(count)) error {
		for w := range jobs.Words(line) {
			emit(count{w, int64(len(line))})
		}
		return nil
	})
	Laws(t, job, text)
	if got := rowsText(t, job); !strings.HasPrefix(got, "to\t18\nbe\t18\nor\t18\nnot\t18\nto\t18\nbe\t18\nthat\t20\n") {
		t.Errorf("the result is\n%s", got)
	}
	bad := jobs.Each("bad", func(_ context.Context, line string, emit func(string)) error {
		if line == "" {
			return jobs.BadRecord(errEmpty)
		}
		emit(line)
		return nil
	})
	Laws(t, bad, text)
	seen := 0
	numbered := jobs.Each("numbered", func(_ context.Context, line string, emit func(int64)) error {
		seen++
		emit(int64(seen))
		return nil
	})
	p, err := numbered.Program()
	if err != nil {
		t.Fatal(err)
	}
	records := [][]byte{[]byte("a"), []byte("b")}
	if v := laws(len(records), 1)[0].check(t.Context(), p, records, options{kind: lines(t)}); v == nil || v.law.name != "splits" {
		t.Errorf("a job that counts its calls: %v", v)
	}
}

func TestTolerance(t *testing.T) {
	job := jobs.Job[string, string, float64, jobs.Pair[string, float64]]{
		Name: "floats", Combine: jobs.Sum[float64](),
		Map: func(_ context.Context, line string, emit func(string, float64)) error {
			emit("sum", math.Sqrt(float64(len(line))))
			return nil
		},
	}
	Laws(t, job, text, Tolerance(1e-12))
}

// Jobs that break a law, each found, by its name.

func TestBrokenLaws(t *testing.T) {
	seen := map[string]bool{}
	previous := ""
	calls := 0
	count := func(_ context.Context, w string, ns iter.Seq[int64], emit func(count)) error {
		n := int64(0)
		for range ns {
			n++ // counts what was folded as one
		}
		emit(struct {
			Word string
			N    int64
		}{w, n})
		return nil
	}
	cases := map[string]struct {
		job  jobs.Job[string, string, int64, count1]
		laws []string
	}{
		"values counted, not added": {jobs.Job[string, string, int64, count1]{Name: "x", Map: words, Combine: jobs.Sum[int64](), Reduce: count}, []string{"combining"}},
		"state between records": {jobs.Job[string, string, int64, count1]{Name: "x", Map: func(_ context.Context, line string, emit func(string, int64)) error {
			emit(previous+line, 1)
			previous = line
			return nil
		}}, []string{"retries"}},
		"state between attempts": {jobs.Job[string, string, int64, count1]{Name: "x", Map: func(_ context.Context, line string, emit func(string, int64)) error {
			if !seen[line] {
				emit(line, 1)
			}
			seen[line] = true
			return nil
		}}, []string{"retries"}},
		"first value": {jobs.Job[string, string, int64, count1]{Name: "x", Map: func(_ context.Context, line string, emit func(string, int64)) error {
			emit("all", int64(len(line)))
			return nil
		}, Reduce: func(_ context.Context, w string, ns iter.Seq[int64], emit func(count1)) error {
			for n := range ns {
				emit(count1{w, n})
				break
			}
			return nil
		}}, []string{"value order"}},
		"wild partition": {jobs.Job[string, string, int64, count1]{Name: "x", Map: words, Combine: jobs.Sum[int64](), Partition: func(_ string, n int) int {
			calls++
			return calls % n
		}}, []string{"partitions"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := c.job.Program()
			if err != nil {
				t.Fatal(err)
			}
			var records [][]byte
			for _, s := range text {
				records = append(records, []byte(s))
			}
			var broken []string
			for _, l := range laws(len(records), 1) {
				clear(seen)
				if l.name == "attempts at once" { // these jobs race, which is their fault, but fails the race detector
					continue
				}
				if v := l.check(t.Context(), p, records, options{kind: lines(t)}); v != nil {
					broken = append(broken, l.name)
					if s := v.String(); !strings.Contains(s, l.name) || len(v.records) > len(records) {
						t.Errorf("the report is %s", s)
					}
					if len(c.laws) == 1 && l.name == c.laws[0] {
						t.Log(v)
					}
				}
			}
			for _, want := range c.laws {
				if !slices.Contains(broken, want) {
					t.Errorf("laws found broken: %v; %q is not among them", broken, want)
				}
			}
		})
	}
}

type count1 = count

func TestShrink(t *testing.T) {
	var records [][]byte
	for i := range 40 {
		records = append(records, []byte{byte(i)})
	}
	least := shrink(records, nil, 200, func(some [][]byte) bool {
		has := func(b byte) bool { return slices.ContainsFunc(some, func(r []byte) bool { return r[0] == b }) }
		return has(7) && has(31)
	})
	if len(least) != 2 {
		t.Errorf("shrunk to %v", least)
	}
}
