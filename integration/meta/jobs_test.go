package meta

import (
	"context"
	"errors"
	"hash/crc32"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mrctl/mrctl/jobs"
)

// Kind is a job. Each goes another way through the engine.
type Kind string

// The jobs. See stage.
const (
	Sums     Kind = "sums"     // a sum the engine knows
	Most     Kind = "most"     // a combiner of the job's own
	Both     Kind = "both"     // fields summed by the engine
	Groups   Kind = "groups"   // no combiner, a reduce over all values
	Folded   Kind = "folded"   // a combiner and a reduce
	Leaves   Kind = "leaves"   // a reduce that looks at one value of each group
	Pairs    Kind = "pairs"    // no reduce: all pairs are rows
	Words    Kind = "words"    // the ready-made count
	Identity Kind = "identity" // sorted by the engine alone
	Joined   Kind = "joined"   // sums, and a second stage that joins them with names
)

var kinds = []Kind{Sums, Most, Both, Groups, Folded, Leaves, Pairs, Words, Identity, Joined}

// stages are the job of a trial. Its functions tell the watcher of each call, who may have them fail.
func (tr Trial) stages(w *watcher) []jobs.Stage {
	lines := func(line string) string { return line }
	rows := func(r Rec) string { return string(r.Line) }
	switch {
	case tr.Kind == Joined && tr.Input.Form.rows():
		return joined(tr, w, rows)
	case tr.Kind == Joined:
		return joined(tr, w, lines)
	case tr.Input.Form.rows():
		return []jobs.Stage{stage(tr, w, rows)}
	}
	return []jobs.Stage{stage(tr, w, lines)}
}

// Sum is a row between the stages of Joined.
type Sum struct {
	Key string
	N   int64
}

// Named is a row of Joined.
type Named struct {
	Key  string
	N    int64
	Name string
}

// joined are the two stages of Joined.
func joined[In any](tr Trial, w *watcher, text func(In) string) []jobs.Stage {
	sums := jobs.Job[any, string, int64, Sum]{Name: "sums", Combine: jobs.Sum[int64](),
		Inputs: []jobs.Input[string, int64]{jobs.From("text", mapper(tr, w, text, func(emit func(string, int64)) func(string, int64, string) {
			return func(key string, n int64, _ string) { emit(key, n) }
		}))},
		Reduce: func(ctx context.Context, key string, values iter.Seq[int64], emit func(Sum)) error {
			emit(Sum{key, jobs.Sum[int64]().Fold(values)})
			return w.group(ctx)
		}}
	return []jobs.Stage{sums, jobs.LeftJoin("joined",
		jobs.After(sums, func(ctx context.Context, s Sum, emit func(string, int64)) error {
			emit(s.Key, s.N)
			return w.record(ctx, s.N)
		}),
		jobs.From("names", func(_ context.Context, line string, emit func(string, string)) error {
			key, name, _ := strings.Cut(line, " ")
			emit(key, name)
			return nil
		}),
		func(_ context.Context, key string, n int64, name *string, emit func(Named)) error {
			row := Named{Key: key, N: n}
			if name != nil {
				row.Name = *name
			}
			emit(row)
			return nil
		})}
}

// stage is a job of one stage over records that have a text.
func stage[In any](tr Trial, w *watcher, text func(In) string) jobs.Stage {
	one := func(emit func(string, int64)) func(string, int64, string) {
		return func(key string, n int64, _ string) { emit(key, n) }
	}
	sum := mapper(tr, w, text, one)
	switch tr.Kind {
	case Sums:
		return jobs.Job[In, string, int64, jobs.Pair[string, int64]]{Name: "sums", Map: sum, Combine: jobs.Sum[int64]()}
	case Most:
		return jobs.Job[In, string, int64, jobs.Pair[string, int64]]{Name: "most", Map: sum, Combine: jobs.Fold(func(a, b int64) int64 { return max(a, b) })}
	case Both:
		return jobs.Job[In, string, Load, jobs.Pair[string, Load]]{Name: "both", Combine: jobs.SumFields[Load](),
			Map: mapper(tr, w, text, func(emit func(string, Load)) func(string, int64, string) {
				return func(key string, n int64, rest string) { emit(key, Load{1, n, int64(len(rest))}) }
			})}
	case Groups:
		return jobs.Job[In, string, string, Group]{Name: "groups", Reduce: reduceGroup(w), Map: mapper(tr, w, text, withFiller)}
	case Folded:
		return jobs.Job[In, string, int64, Group]{Name: "folded", Map: sum, Combine: jobs.Fold(func(a, b int64) int64 { return a + b }),
			Reduce: func(ctx context.Context, key string, values iter.Seq[int64], emit func(Group)) error {
				if err := w.group(ctx); err != nil {
					return err
				}
				g := Group{Key: key}
				for v := range values {
					g.Sum += v
				}
				emit(g)
				return nil
			}}
	case Leaves:
		return jobs.Job[In, string, string, Group]{Name: "leaves", Map: mapper(tr, w, text, withFiller),
			Reduce: func(ctx context.Context, key string, values iter.Seq[string], emit func(Group)) error {
				for range values {
					break // not the first: which that is, nobody promises
				}
				emit(Group{Key: key, Rows: 1})
				return w.group(ctx)
			}}
	case Pairs:
		return jobs.Job[In, string, string, jobs.Pair[string, string]]{Name: "pairs", Map: mapper(tr, w, text, withFiller)}
	case Words:
		return jobs.WordCounts("words")
	default:
		return jobs.Identity[string]("identity")
	}
}

// Load is a value with fields that are summed.
type Load struct{ Lines, Numbers, Bytes int64 }

// Group is what a reduce says of a key.
type Group struct {
	Key       string
	Rows, Sum int64
	Check     int64 // of the values in order
}

func withFiller(emit func(string, string)) func(string, int64, string) {
	return func(key string, _ int64, rest string) { emit(key, rest) }
}

func reduceGroup(w *watcher) func(context.Context, string, iter.Seq[string], func(Group)) error {
	return func(ctx context.Context, key string, values iter.Seq[string], emit func(Group)) error {
		g := group(key, slices.Collect(values))
		emit(g)
		return w.group(ctx)
	}
}

// group describes values in whatever order they come.
func group(key string, values []string) Group {
	slices.Sort(values)
	g := Group{Key: key, Rows: int64(len(values))}
	sum := crc32.NewIEEE()
	for _, v := range values {
		g.Sum += int64(len(v))
		_, _ = sum.Write([]byte(v + "\n")) // to memory
	}
	g.Check = int64(sum.Sum32())
	return g
}

var (
	errBad  = errors.New("a bad one")
	errOnce = errors.New("just this once")
	mapped  = jobs.NewCounter("mapped", "records that were mapped to their end")
)

// mapper makes a map function of what emits a line's fields.
func mapper[In, V any](tr Trial, w *watcher, text func(In) string, with func(emit func(string, V)) func(key string, n int64, rest string)) func(context.Context, In, func(string, V)) error {
	return func(ctx context.Context, rec In, emit func(string, V)) error {
		key, n, rest := fields(text(rec))
		if tr.isBad(n) {
			return jobs.BadRecord(errBad)
		}
		with(emit)(key, n, rest)
		mapped.Add(ctx, 1)
		return w.record(ctx, n)
	}
}

// isBad says that the map gives a record up. Jobs without a map of ours know no bad records.
func (tr Trial) isBad(n int64) bool {
	return tr.Bad > 0 && n%int64(tr.Bad) == 0 && tr.Kind != Words && tr.Kind != Identity
}

// watcher counts calls, and does what is due after so many.
type watcher struct {
	faults []PluginFault
	struck []sync.Once // one for each fault
	calls  atomic.Int64
	groups atomic.Int64
	due    func(calls int64) // told of each call
}

func (w *watcher) record(ctx context.Context, n int64) error { return w.called(ctx, n, false) }

func (w *watcher) group(ctx context.Context) error { return w.called(ctx, w.groups.Add(1), true) }

func (w *watcher) called(_ context.Context, n int64, reduce bool) (err error) {
	w.due(w.calls.Add(1))
	for i, f := range w.faults {
		if f.At != n || f.Reduce != reduce {
			continue
		}
		w.struck[i].Do(func() {
			switch f.How {
			case "panic":
				panic(errOnce)
			case "exit":
				runtime.Goexit()
			default:
				err = errOnce
			}
		})
	}
	return err
}
