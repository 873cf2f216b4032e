package reduceside

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"go.uber.org/goleak"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/shuffle"
	"github.com/mrctl/mrctl/worker/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func task(t *testing.T, maps, parts, partition int, memory int64, s *pluginv1.Stage) Task {
	src := NewSources(maps)
	for m := range maps {
		if err := src.Add(at("w", 7, uint32(m)), nil); err != nil {
			t.Fatal(err)
		}
	}
	return Task{
		ID: &sessionv1.AttemptID{Job: "j", Task: uint32(partition), Attempt: 2}, Stage: s, Sources: src,
		Partitions: parts, Memory: memory, Scratch: filepath.Join(t.TempDir(), "attempt"), Budget: newBudget(),
	}
}

func deps(t *testing.T, f Fetcher, p *part) (Deps, func() *reducer) {
	var r *reducer
	return Deps{
		Fetch: f,
		Reduce: func(ctx context.Context, _ *pluginv1.ReduceStart) (Reducer, error) {
			r = newReducer(ctx, t)
			return r, nil
		},
		Part: func(context.Context, *arrow.Schema) (table.PartWriter, error) { return p, nil },
	}, func() *reducer { return r }
}

func random(r *rand.Rand, n, words int) []row {
	out := make([]row, n)
	for i := range out {
		out[i] = row{fmt.Sprintf("%s%d", strings.Repeat("k", r.IntN(9)), r.IntN(words)), int64(r.IntN(1000) - 500)}
	}
	return out
}

func sums(in []row) []row {
	m := map[string]int64{}
	for _, x := range in {
		m[x.word] += x.count
	}
	var out []row
	for w, n := range m {
		out = append(out, row{w, n})
	}
	slices.SortFunc(out, byRow)
	return out
}

func byRow(a, b row) int {
	if c := strings.Compare(a.word, b.word); c != 0 {
		return c
	}
	return int(a.count - b.count)
}

func TestReduceEqualsMap(t *testing.T) {
	kinds := map[string]struct {
		stage *pluginv1.Stage
		plain bool // pairs come as they are
	}{
		"engine fold":             {stage(pluginv1.Stage_FOLD_SUM, false), false},
		"plugin":                  {stage(pluginv1.Stage_FOLD_UNSPECIFIED, true), false},
		"engine fold, plugin":     {stage(pluginv1.Stage_FOLD_SUM, true), false},
		"fold of the plugin":      {stage(pluginv1.Stage_FOLD_OPAQUE, false), false},
		"pairs are the result":    {stage(pluginv1.Stage_FOLD_UNSPECIFIED, false), true},
		"plugin, no such columns": {&pluginv1.Stage{KeySchema: schema(word), ValueSchema: schema(count), HasReduce: true}, false},
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				for _, memory := range []int64{64 << 10, 64 << 20} {
					r := rand.New(rand.NewPCG(seed, 1))
					maps, parts := 1+r.IntN(30), 1+r.IntN(5)
					partition := r.IntN(parts)
					in := random(r, r.IntN(6000), 1+r.IntN(2000))
					want := sums(in)
					if k.plain {
						want = slices.Clone(in)
						slices.SortFunc(want, byRow)
					}
					f := land(t, r, maps, parts, partition, in)
					tk := task(t, maps, parts, partition, memory, k.stage)
					tk.FanIn = 2 + r.IntN(40)
					p := &part{}
					d, _ := deps(t, f, p)
					var progress int64
					d.Progress = func(records, _ int64) { progress = records }
					res, err := Run(t.Context(), tk, d)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.IsSortedFunc(p.rows, func(a, b row) int { return strings.Compare(a.word, b.word) }) {
						t.Fatal("rows are not in key order")
					}
					slices.SortFunc(p.rows, byRow)
					if !slices.Equal(p.rows, want) {
						t.Fatalf("seed %d, %d bytes: %d rows, want %d, or others", seed, memory, len(p.rows), len(want))
					}
					if !p.staged || p.aborted || int(f.done.Load()) != maps {
						t.Fatalf("staged %v, aborted %v, %d of %d sections done with", p.staged, p.aborted, f.done.Load(), maps)
					}
					if peak := tk.Budget.Peak(); peak > memory || tk.Budget.Used() != 0 {
						t.Fatalf("held %d bytes of %d, %d to the end", peak, memory, tk.Budget.Used())
					}
					if _, err := os.Stat(tk.Scratch); !errors.Is(err, os.ErrNotExist) {
						t.Fatal("scratch left behind")
					}
					if len(res.Inputs) != maps || res.Tally.RowsOut != uint64(len(want)) || progress > int64(res.Tally.RecordsIn) {
						t.Fatalf("%d inputs of %d maps, tally %v", len(res.Inputs), maps, res.Tally)
					}
					for i, in := range res.Inputs {
						at := slices.IndexFunc(f.got, func(l shuffle.Landed) bool { return l.Task == uint32(i) })
						if in.Task != uint32(i) || in.Attempt != 7 || in.Digest != f.got[at].Range.Digest {
							t.Fatalf("input %d is %+v", i, in)
						}
					}
				}
			}
		})
	}
}

// TestGroupLargerThanMemory streams one group many times the budget.
func TestGroupLargerThanMemory(t *testing.T) {
	const memory = 64 << 10
	r := rand.New(rand.NewPCG(2, 2))
	var in []row
	for range 60_000 { // more than 1 MiB
		in = append(in, row{"the one key", 1})
	}
	in = append(in, row{"a", 1}, row{"z", 2})
	f := land(t, r, 5, 1, 0, in)
	for i := range f.got {
		f.got[i].Range.Mem = nil // files only: landed memory would be the budget's breach
	}
	p := &part{}
	tk := task(t, 5, 1, 0, memory, stage(pluginv1.Stage_FOLD_UNSPECIFIED, true))
	d, plugin := deps(t, f, p)
	if _, err := Run(t.Context(), tk, d); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.rows, []row{{"a", 1}, {"the one key", 60_000}, {"z", 2}}) {
		t.Fatalf("rows %v", p.rows)
	}
	if plugin().largest != 60_000 || plugin().batches < 100 || tk.Budget.Peak() > memory {
		t.Fatalf("%d pairs, %d batches, %d bytes held", plugin().largest, plugin().batches, tk.Budget.Peak())
	}
}

func TestNoMaps(t *testing.T) {
	p := &part{}
	d, _ := deps(t, &sections{}, p)
	if _, err := Run(t.Context(), task(t, 0, 1, 0, 64<<10, stage(pluginv1.Stage_FOLD_SUM, false)), d); err != nil || !p.staged || len(p.rows) != 0 {
		t.Fatalf("%v %+v", err, p)
	}
}

func TestFailures(t *testing.T) {
	user := errs.New(errs.UserCode, "reduce \"k\": bad luck")
	disk := errs.New(errs.Unavailable, "part: disk full")
	gone := &shuffle.MissingError{Runs: []shuffle.Missing{{Worker: "w", Task: 1, Attempt: 7, Why: "lost"}}}
	for name, c := range map[string]struct {
		f      func(*sections)
		p      *part
		fail   error
		want   error
		opened bool
	}{
		"user code":   {func(*sections) {}, &part{}, user, user, true},
		"part writer": {func(*sections) {}, &part{fail: disk}, nil, disk, true},
		"missing":     {func(s *sections) { s.err = gone }, &part{}, nil, gone, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 3))
			f := land(t, r, 6, 1, 0, random(r, 5000, 5000))
			c.f(f)
			tk := task(t, 6, 1, 0, 64<<10, stage(pluginv1.Stage_FOLD_UNSPECIFIED, true))
			d, _ := deps(t, f, c.p)
			d.Reduce = func(ctx context.Context, _ *pluginv1.ReduceStart) (Reducer, error) {
				r := newReducer(ctx, t)
				r.fail = c.fail
				return r, nil
			}
			_, err := Run(t.Context(), tk, d)
			var m *shuffle.MissingError
			if errors.As(err, &m) && c.want == gone && slices.Equal(m.Runs, gone.Runs) {
				err = gone
			}
			if !errors.Is(err, c.want) || c.p.staged || c.p.aborted != c.opened {
				t.Fatalf("%v; part %+v", err, c.p)
			}
			if tk.Budget.Used() != 0 {
				t.Fatalf("%d bytes still counted", tk.Budget.Used())
			}
			if _, err := os.Stat(tk.Scratch); !errors.Is(err, os.ErrNotExist) {
				t.Fatal("scratch left behind")
			}
		})
	}
}

// TestOwnRunDamaged: a run read where it lies is checked only while it is merged, and then reported gone.
func TestOwnRunDamaged(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"damaged": func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			return os.WriteFile(path, b, 0o600)
		},
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(4, 4))
			f := land(t, r, 3, 1, 0, random(r, 3000, 100))
			for i := range f.got {
				f.got[i].Local, f.got[i].Range.Mem = true, nil
			}
			victim := f.got[1]
			if err := spoil(victim.Range.Path); err != nil {
				t.Fatal(err)
			}
			p := &part{}
			d, _ := deps(t, f, p)
			_, err := Run(t.Context(), task(t, 3, 1, 0, 1<<20, stage(pluginv1.Stage_FOLD_SUM, false)), d)
			var m *shuffle.MissingError
			if !errors.As(err, &m) || len(m.Runs) != 1 || m.Runs[0].Task != victim.Task || p.staged {
				t.Fatal(err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	r := rand.New(rand.NewPCG(5, 5))
	f := land(t, r, 3, 1, 0, random(r, 30_000, 20_000))
	p := &part{}
	d, _ := deps(t, f, p)
	d.Progress = func(records, _ int64) {
		if records > 0 {
			cancel(stop)
		}
	}
	if _, err := Run(ctx, task(t, 3, 1, 0, 1<<20, stage(pluginv1.Stage_FOLD_UNSPECIFIED, true)), d); !errors.Is(err, stop) || p.staged || !p.aborted {
		t.Fatalf("%v %+v", err, p.staged)
	}
}

func TestPairThatDoesNotFitItsSchema(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	f := land(t, r, 1, 1, 0, random(r, 10, 10))
	s := stage(pluginv1.Stage_FOLD_UNSPECIFIED, false)
	s.ValueSchema = schema(arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int16})
	d, _ := deps(t, f, &part{})
	if _, err := Run(t.Context(), task(t, 1, 1, 0, 1<<20, s), d); !errs.Is(err, errs.UserCode) || !strings.Contains(err.Error(), "decode value of key") {
		t.Fatal(err)
	}
}
