package mapside

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/table"
)

// quietLines is the same batch of records again and again.
type quietLines struct {
	batch rows.Records
	left  int
}

func (l *quietLines) Next(context.Context) (*rows.Records, error) {
	if l.left == 0 {
		return nil, io.EOF
	}
	l.left--
	return &l.batch, nil
}
func (l *quietLines) Read() int64  { return 0 }
func (l *quietLines) Close() error { return nil }

// quietPlugin swallows records and gives pairs that were made before.
type quietPlugin struct {
	table.NamedSource // of no outputs
	pairs             []*boundary.Pairs
	done              chan struct{}
}

func (p *quietPlugin) Buffer(int) *rows.Records                  { return nil }
func (p *quietPlugin) Send(context.Context, *rows.Records) error { return nil }
func (p *quietPlugin) CloseSend() error                          { close(p.done); return nil }
func (p *quietPlugin) Counters() *pluginv1.Counters              { return nil }
func (p *quietPlugin) Recv() (*boundary.Pairs, error) {
	if len(p.pairs) == 0 {
		<-p.done
		return nil, io.EOF
	}
	b := p.pairs[0]
	p.pairs = p.pairs[1:]
	return b, nil
}

// An attempt allocates for its batches, blocks and files, never for a pair: whether pairs are folded, spilled or not.
func TestNothingIsAllocatedPerPair(t *testing.T) {
	const batches, size = 100, 2000
	vals, err := codec.For[int64]()
	if err != nil {
		t.Fatal(err)
	}
	var pairs []*boundary.Pairs
	for i := range batches {
		b := &boundary.Pairs{}
		for j := range size {
			n := uint64(i*size+j) * 0x9e3779b97f4a7c15
			b.Append(fmt.Appendf(nil, "key%d", n>>44), vals.Append(nil, 1))
		}
		pairs = append(pairs, b)
	}
	for _, fold := range []pluginv1.Stage_Fold{pluginv1.Stage_FOLD_UNSPECIFIED, pluginv1.Stage_FOLD_SUM} {
		for _, memory := range []int64{4 << 20, 256 << 20} {
			t.Run(fmt.Sprintf("%v in %d MiB", fold, memory>>20), func(t *testing.T) {
				tk := task(t, 8, memory, fold)
				in := &quietLines{batch: rows.Records{Off: make([]int32, size+1)}, left: batches}
				d := deps(nil, nil)
				d.Open = func(context.Context, func(int) *rows.Records, func(string, int64, []byte, error)) (Records, error) {
					return in, nil
				}
				d.Map = func(context.Context, *pluginv1.MapStart) (Mapper, error) {
					return &quietPlugin{pairs: pairs, done: make(chan struct{})}, nil
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				res, err := Run(t.Context(), tk, d)
				runtime.ReadMemStats(&after)
				if err != nil {
					t.Fatal(err)
				}
				if n := after.Mallocs - before.Mallocs; n > batches*size/100 {
					t.Errorf("%d allocations for %d pairs", n, batches*size)
				}
				if spilled := res.Tally.GetSpilledBytes() > 0; spilled != (memory == 4<<20) {
					t.Errorf("spilled: %v", spilled)
				}
			})
		}
	}
}
