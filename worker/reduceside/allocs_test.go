package reduceside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
	"github.com/mrctl/mrctl/worker/table"
)

// quietPart counts the rows it is given.
type quietPart struct{ rows int64 }

func (p *quietPart) Write(b arrow.RecordBatch) error { p.rows += b.NumRows(); return nil }
func (p *quietPart) Stage(context.Context) error     { return nil }
func (p *quietPart) Abort()                          {}

// quietReducer swallows groups and gives nothing.
type quietReducer struct {
	table.NamedSource // of no outputs
	pairs             int
	done              chan struct{}
}

func (r *quietReducer) Send(_ context.Context, b *rows.Batch, _ bool) error {
	r.pairs += b.Len()
	return nil
}
func (r *quietReducer) CloseSend() error                 { close(r.done); return nil }
func (r *quietReducer) Recv() (arrow.RecordBatch, error) { <-r.done; return nil, io.EOF }
func (r *quietReducer) Counters() *pluginv1.Counters     { return nil }

// An attempt allocates for its batches and blocks, never for a pair, whoever reduces, in passes or at once.
func TestNothingIsAllocatedPerPair(t *testing.T) {
	const pairs, maps = 198_000, 6
	s := &sections{}
	for task := range maps {
		path := filepath.Join(t.TempDir(), "run")
		w, err := runs.Create(path, 4, runs.Options{Digest: runs.SumPairs})
		if err != nil {
			t.Fatal(err)
		}
		for i := range pairs / maps {
			p := runs.Pair{Part: 2, Key: fmt.Appendf(nil, "key%08d", 3*i+task%3), Val: number.Append(nil, 1)}
			if err := w.Append(&p); err != nil {
				t.Fatal(err)
			}
		}
		info, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		f, err := runs.Open(info.Path)
		if err != nil {
			t.Fatal(err)
		}
		sec, err := f.Section(2)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		s.got = append(s.got, shuffle.Landed{Worker: "w", Task: uint32(task), Attempt: 7, Local: true, Range: sec})
	}
	for name, st := range map[string]*pluginv1.Stage{
		"folded": stage(pluginv1.Stage_FOLD_SUM, false), "as they are": stage(pluginv1.Stage_FOLD_UNSPECIFIED, false),
		"by the plugin": stage(pluginv1.Stage_FOLD_OPAQUE, true),
	} {
		for _, fanIn := range []int{2, 0} {
			t.Run(fmt.Sprintf("%s, %d at a time", name, fanIn), func(t *testing.T) {
				tk := task(t, maps, 4, 2, 64<<20, st)
				tk.FanIn = fanIn
				d, _ := deps(t, s, nil)
				p, r := &quietPart{}, &quietReducer{done: make(chan struct{})}
				d.Part = func(context.Context, *arrow.Schema) (table.PartWriter, error) { return p, nil }
				d.Reduce = func(context.Context, *pluginv1.ReduceStart) (Reducer, error) { return r, nil }
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := Run(t.Context(), tk, d)
				runtime.ReadMemStats(&after)
				if err != nil {
					t.Fatal(err)
				}
				if n := after.Mallocs - before.Mallocs; n > pairs/100 {
					t.Errorf("%d allocations for %d pairs", n, pairs)
				}
				if p.rows == 0 && r.pairs != pairs {
					t.Errorf("%d rows and %d pairs came through", p.rows, r.pairs)
				}
			})
		}
	}
}
