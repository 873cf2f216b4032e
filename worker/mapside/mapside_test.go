package mapside

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
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.uber.org/goleak"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func task(t *testing.T, parts int, memory int64, fold pluginv1.Stage_Fold) Task {
	return Task{
		ID: &sessionv1.AttemptID{Job: "j", Task: 3, Attempt: 1}, Stage: stage(fold), Partitions: parts, Memory: memory,
		Scratch: filepath.Join(t.TempDir(), "attempt"), Budget: budget.New(0), Job: spec.Job{MaxBadRecords: 0},
	}
}

func deps(in *lines, p func(ctx context.Context) *plugin) Deps {
	return Deps{
		Open: func(context.Context, func(int) *rows.Records, func(string, int64, []byte, error)) (Records, error) {
			return in, nil
		},
		Map: func(ctx context.Context, _ *pluginv1.MapStart) (Mapper, error) { return p(ctx), nil },
	}
}

func text(r *rand.Rand, batches, words int) [][]string {
	out := make([][]string, batches)
	for i := range out {
		for range r.IntN(40) {
			var line []string
			for range r.IntN(12) {
				line = append(line, fmt.Sprintf("%s%d", strings.Repeat("w", r.IntN(12)), r.IntN(words)))
			}
			out[i] = append(out[i], strings.Join(line, " "))
		}
	}
	return out
}

// counts reads a run back: words by partition, and how many rows each took.
func counts(t *testing.T, path string, place func(string) int) (sums map[string]int64, rows int) {
	t.Helper()
	f, err := runs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sums = map[string]int64{}
	for part := range f.Partitions() {
		s, err := f.Section(part)
		if err != nil {
			t.Fatal(err)
		}
		m := runs.NewMerge([]runs.Range{s}, nil)
		last := ""
		for {
			p, err := m.Next()
			if err != nil {
				t.Fatal(err)
			}
			if p == nil {
				break
			}
			k := string(p.Key)
			if place(k) != part || k < last {
				t.Fatalf("word %q after %q in partition %d", k, last, part)
			}
			n, err := one.Decode(p.Val)
			if err != nil {
				t.Fatal(err)
			}
			sums[k] += n
			last = k
			rows++
		}
		m.Close()
	}
	return sums, rows
}

func TestWordCountEqualsMap(t *testing.T) {
	for _, shape := range []string{"", "sorted", "parts"} {
		for _, fold := range []pluginv1.Stage_Fold{pluginv1.Stage_FOLD_UNSPECIFIED, pluginv1.Stage_FOLD_SUM, pluginv1.Stage_FOLD_OPAQUE} {
			t.Run(fmt.Sprintf("%s-%s", shape, fold), func(t *testing.T) {
				for seed := range uint64(3) {
					var digest runs.Digest
					for i, memory := range []int64{64 << 10, 256 << 10, 64 << 20} {
						r := rand.New(rand.NewPCG(seed, 1))
						in := text(r, 60, 50+r.IntN(3000))
						parts := 1 + r.IntN(7)
						want := map[string]int64{}
						var total, records int64
						for _, b := range in {
							records += int64(len(b))
							for _, l := range b {
								for _, w := range strings.Fields(l) {
									want[w]++
									total++
								}
							}
						}
						tk := task(t, parts, memory, fold)
						tk.FanIn = 2 + r.IntN(20)
						tk.Codec = runs.Codec(r.IntN(3))
						var p *plugin
						input := &lines{batches: in}
						d := deps(input, func(ctx context.Context) *plugin {
							p = newPlugin(ctx, parts)
							p.shape, p.size = shape, 1+r.IntN(300)
							return p
						})
						var progress int64
						d.Progress = func(records, _ int64) { progress = records }
						res, err := Run(t.Context(), tk, d)
						if err != nil {
							t.Fatal(err)
						}
						got, n := counts(t, res.RunPath, p.place)
						if !mapsEqual(got, want) {
							for k, v := range want {
								if got[k] != v {
									t.Logf("%q: %d, want %d", k, got[k], v)
								}
							}
							t.Fatalf("seed %d, %d bytes: %d words, want %d", seed, memory, len(got), len(want))
						}
						if fold == pluginv1.Stage_FOLD_SUM && n != len(want) {
							t.Fatalf("%d rows for %d words", n, len(want))
						}
						if i > 0 && res.Digest != digest {
							t.Fatalf("seed %d: the digest depends on memory", seed)
						}
						digest = res.Digest
						ta := res.Tally
						if ta.RecordsIn != uint64(records) || progress != records || ta.PairsOut != uint64(total) || ta.RowsOut != uint64(n) || ta.BytesIn != uint64(input.read) {
							t.Fatalf("tally %v; %d records, %d pairs, %d rows", ta, records, total, n)
						}
						if peak := tk.Budget.Peak(); peak > memory/2 || tk.Budget.Used() != 0 {
							t.Fatalf("held %d bytes of %d, %d to the end", peak, memory/2, tk.Budget.Used())
						}
						if memory == 64<<10 && shape == "" && ta.SpilledBytes == 0 && total > 3000 {
							t.Fatal("64 KiB were enough without a spill")
						}
						if left, _ := os.ReadDir(tk.Scratch); len(left) != 1 || !input.closed {
							t.Fatalf("left in scratch: %v; input closed: %v", left, input.closed)
						}
					}
				}
			})
		}
	}
}

func mapsEqual(a, b map[string]int64) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func TestManySmallSortedBatches(t *testing.T) {
	var in [][]string
	for i := range 3000 {
		in = append(in, []string{fmt.Sprintf("b a %d", i%7)}) // each goes back in order: 3000 runs
	}
	tk := task(t, 1, 256<<10, pluginv1.Stage_FOLD_SUM)
	var p *plugin
	res, err := Run(t.Context(), tk, deps(&lines{batches: in}, func(ctx context.Context) *plugin {
		p = newPlugin(ctx, 1)
		p.shape = "sorted"
		return p
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, n := counts(t, res.RunPath, p.place); got["a"] != 3000 || got["b"] != 3000 || n != 9 {
		t.Fatalf("%d rows: %v", n, got)
	}
}

func TestHugePair(t *testing.T) {
	big := strings.Repeat("x", 3<<20)
	tk := task(t, 2, 64<<10, pluginv1.Stage_FOLD_SUM)
	var p *plugin
	res, err := Run(t.Context(), tk, deps(&lines{batches: [][]string{{"a b " + big, big + " c a"}}}, func(ctx context.Context) *plugin {
		p = newPlugin(ctx, 2)
		return p
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := counts(t, res.RunPath, p.place); got[big] != 2 || got["a"] != 2 || len(got) != 4 {
		t.Fatalf("%d words", len(got))
	}
}

func TestEmptyInput(t *testing.T) {
	tk := task(t, 3, 64<<10, pluginv1.Stage_FOLD_SUM)
	var p *plugin
	res, err := Run(t.Context(), tk, deps(&lines{}, func(ctx context.Context) *plugin { p = newPlugin(ctx, 3); return p }))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := counts(t, res.RunPath, p.place); len(got) != 0 || res.Digest != (runs.Digest{}) {
		t.Fatalf("%v %x", got, res.Digest)
	}
}

func TestFailures(t *testing.T) {
	user := errs.New(errs.UserCode, "map input.txt:17: bad luck")
	gone := errs.New(errs.Unavailable, "read s3://b/k: reset")
	many := func() [][]string { return text(rand.New(rand.NewPCG(1, 1)), 100, 5000) }
	cases := map[string]struct {
		in    *lines
		setup func(p *plugin)
		kind  errs.Kind
		text  string
	}{
		"user code":    {&lines{batches: many()}, func(p *plugin) { p.fail = user }, errs.UserCode, "bad luck"},
		"input":        {&lines{batches: many(), fail: gone}, func(*plugin) {}, errs.Unavailable, "s3://b/k"},
		"out of order": {&lines{batches: many()}, func(p *plugin) { p.shape = "sorted"; p.break_ = func(b *boundary.Pairs) { slices.Reverse(b.Keys) } }, errs.UserCode, "sorted batch"},
		"wild partition": {&lines{batches: many()}, func(p *plugin) {
			p.shape = "parts"
			p.break_ = func(b *boundary.Pairs) { b.Parts[0] = 99 }
		}, errs.UserCode, "partition 99 of 3"},
		"negative sorted partition": {&lines{batches: many()}, func(p *plugin) {
			p.shape = "sorted"
			p.break_ = func(b *boundary.Pairs) { b.Partition = -1 }
		}, errs.UserCode, "partition -1 of 3"},
		"bad records": {&lines{batches: many()}, func(p *plugin) {
			p.counts.BadRecords = 1
			p.counts.BadSamples = []*pluginv1.BadRecord{{Batch: 4, Row: 2, Error: "not a number"}}
		}, errs.Invalid, "one is input.txt at byte 4002: not a number"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tk := task(t, 3, 64<<10, pluginv1.Stage_FOLD_SUM)
			_, err := Run(t.Context(), tk, deps(c.in, func(ctx context.Context) *plugin {
				p := newPlugin(ctx, 3)
				c.setup(p)
				return p
			}))
			if !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("%v error: %v", errs.KindOf(err), err)
			}
			clean(t, tk)
			if !c.in.closed {
				t.Fatal("input left open")
			}
		})
	}
}

func clean(t *testing.T, tk Task) {
	t.Helper()
	if _, err := os.Stat(tk.Scratch); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("scratch left behind")
	}
	if used := tk.Budget.Used(); used != 0 {
		t.Fatalf("%d bytes still counted", used)
	}
}

func TestCancel(t *testing.T) {
	stop := errs.New(errs.Canceled, "the job was cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	tk := task(t, 3, 64<<10, pluginv1.Stage_FOLD_UNSPECIFIED)
	d := deps(&lines{batches: text(rand.New(rand.NewPCG(2, 2)), 200, 5000)}, func(ctx context.Context) *plugin { return newPlugin(ctx, 3) })
	d.Progress = func(records, _ int64) {
		if records > 1000 {
			cancel(stop)
		}
	}
	if _, err := Run(ctx, tk, d); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	clean(t, tk)
}

func TestScratchThatCannotBeMade(t *testing.T) {
	tk := task(t, 1, 64<<10, pluginv1.Stage_FOLD_SUM)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tk.Scratch = filepath.Join(file, "attempt")
	_, err := Run(t.Context(), tk, deps(&lines{}, func(ctx context.Context) *plugin { return newPlugin(ctx, 1) }))
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), tk.Scratch) {
		t.Fatal(err)
	}
}

// part keeps the rows of a map-only task.
type part struct {
	rows    []string
	staged  bool
	aborted bool
	fail    error
}

func (p *part) Write(b arrow.RecordBatch) error {
	for i := range int(b.NumRows()) {
		p.rows = append(p.rows, fmt.Sprint(b.Column(0).(*array.String).Value(i), " ", b.Column(1).(*array.Int64).Value(i)))
	}
	return p.fail
}
func (p *part) Stage(context.Context) error { p.staged = true; return nil }
func (p *part) Abort()                      { p.aborted = true }

func TestMapOnly(t *testing.T) {
	for _, fail := range []error{nil, errs.New(errs.Unavailable, "disk full")} {
		out := &part{fail: fail}
		tk := task(t, 0, 64<<10, pluginv1.Stage_FOLD_UNSPECIFIED)
		d := deps(&lines{batches: [][]string{{"b a", "c"}, {"a"}}}, func(ctx context.Context) *plugin { return newPlugin(ctx, 0) })
		d.Part = func(_ context.Context, s *arrow.Schema) (table.PartWriter, error) {
			if s.NumFields() != 2 || s.Field(0).Name != "word" {
				t.Errorf("schema %v", s)
			}
			return out, nil
		}
		res, err := Run(t.Context(), tk, d)
		if fail != nil {
			if !errors.Is(err, fail) || out.staged || !out.aborted {
				t.Fatalf("%v %+v", err, out)
			}
			continue
		}
		if err != nil || !out.staged || out.aborted || !slices.Equal(out.rows, []string{"b 1", "a 1", "c 1", "a 1"}) || res.Tally.RowsOut != 4 || res.RunPath != "" {
			t.Fatalf("%v %+v %v", err, out, res)
		}
	}
}
