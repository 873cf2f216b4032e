package mapside

import (
	"context"
	"io"
	"testing"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/storage/dataset"
)

// partible are records that can be left to others from any batch but the first on.
type partible struct {
	batches int
	given   int64
}

func (p *partible) Next(context.Context) (*rows.Records, error) {
	if int(p.given) == p.batches {
		return nil, io.EOF
	}
	p.given++
	return &rows.Records{Data: []byte("a"), Off: []int32{0, 1}}, nil
}

func (p *partible) Read() int64  { return 100 * p.given } // it has read ahead
func (p *partible) Close() error { return nil }

func (p *partible) Place() (dataset.Place, int64, bool) {
	return dataset.Place{Offset: p.given}, p.given, p.given > 1
}

// taken counts what it is given.
type taken struct {
	batches int
	closed  bool
}

func (k *taken) Buffer(n int) *rows.Records { return &rows.Records{Data: make([]byte, 0, n)} }

func (k *taken) Send(context.Context, *rows.Records) error { k.batches++; return nil }

func (k *taken) CloseSend() error { k.closed = true; return nil }

// TestYield: an attempt that is to yield sends no more batches once there is a place to part, ends its stream well, and counts
// the bytes up to there. One that is not, and one that has read all, ends at the end.
func TestYield(t *testing.T) {
	for _, c := range []struct {
		yield bool
		after int // batches
		want  int
		end   dataset.Place
		bytes uint64
	}{
		{yield: true, want: 2, end: dataset.Place{Offset: 2}, bytes: 2},
		{yield: true, after: 3, want: 3, end: dataset.Place{Offset: 3}, bytes: 3},
		{yield: true, after: 9, want: 5, bytes: 500},
		{want: 5, bytes: 500},
	} {
		to := &taken{}
		d := &Deps{
			Open: func(context.Context, func(int) *rows.Records, func(string, int64, []byte, error)) (Records, error) {
				return &partible{batches: 5}, nil
			},
			Yield: func() bool { return c.yield && to.batches >= c.after },
		}
		f := &feeder{to: to, d: d, tally: &sessionv1.Tally{}}
		if err := f.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if to.batches != c.want || !to.closed || f.end != c.end || f.tally.BytesIn != c.bytes || f.tally.RecordsIn != uint64(c.want) {
			t.Errorf("%+v: %d batches, closed %v, ended at %v, %v", c, to.batches, to.closed, f.end, f.tally)
		}
	}
}
