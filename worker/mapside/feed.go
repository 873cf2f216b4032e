package mapside

import (
	"context"
	"errors"
	"io"
	"sync"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/rows"
)

// feeder sends the records of a split to the plugin, or to what stands in its place.
type feeder struct {
	to    taker
	d     *Deps
	mu    sync.Mutex       // for bad, which a reader may call from anywhere
	tally *sessionv1.Tally // records and bytes in, and the records that never reached the plugin
}

// run sends everything. io.EOF means that the plugin has ended the stream.
func (f *feeder) run(ctx context.Context) (err error) {
	ended := false
	r, err := f.d.Open(ctx, func(n int) *rows.Records {
		b := f.to.Buffer(n)
		ended = b == nil
		return b
	}, f.bad)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF { // a wrapped EOF is input cut short, not its end
			f.tally.BytesIn = uint64(r.Read())
			return f.to.CloseSend()
		}
		if err != nil && ended {
			return io.EOF
		}
		if err != nil {
			return err
		}
		n := b.Len() // after Send the batch is the transport's
		if err := f.to.Send(ctx, b); err != nil {
			return err
		}
		f.tally.RecordsIn += uint64(n)
		f.tally.BytesIn = uint64(r.Read())
		if f.d.Progress != nil {
			f.d.Progress(int64(f.tally.RecordsIn), int64(f.tally.BytesIn))
		}
	}
}

func (f *feeder) bad(object string, off int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.BadRecords++
	if len(f.tally.BadSamples) < maxBadSamples {
		f.tally.BadSamples = append(f.tally.BadSamples, &sessionv1.BadSample{Object: object, Offset: uint64(off), Error: err.Error()})
	}
}
