package mapside

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/suspect"
)

// feeder sends the records of a split to the plugin, or to what stands in its place.
type feeder struct {
	to    taker
	d     *Deps
	mu    sync.Mutex       // for bad, which a reader may call from anywhere
	tally *sessionv1.Tally // records and bytes in, and the records that never reached the plugin
	skip  []suspect.Found  // what is left of them; by ordinal
	sent  atomic.Uint64    // records handed over
	end   dataset.Place    // where it stopped, to leave the rest to others
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
		f.leaveOut(b)
		sent := uint64(b.Len())
		if err := f.to.Send(ctx, b); err != nil {
			return err
		}
		f.sent.Add(sent)
		f.tally.RecordsIn += uint64(n)
		f.tally.BytesIn = uint64(r.Read())
		if f.d.Progress != nil {
			f.d.Progress(int64(f.tally.RecordsIn), int64(f.tally.BytesIn))
		}
		if f.d.Yield != nil && f.d.Yield() && f.leave(r) {
			return f.to.CloseSend()
		}
	}
}

// leave leaves what was not read to others, if there is a place to part.
func (f *feeder) leave(r Records) bool {
	d, ok := r.(divisible)
	if !ok {
		return false
	}
	at, read, ok := d.Place()
	if ok {
		f.end, f.tally.BytesIn = at, uint64(read)
	}
	return ok
}

// leaveOut takes the records to skip out of the batch that comes next.
func (f *feeder) leaveOut(b *rows.Records) {
	first, out := f.tally.RecordsIn, 0
	for end := first + uint64(b.Len()); len(f.skip) > 0 && f.skip[0].Ordinal < end; f.skip = f.skip[1:] {
		b.Drop(int(f.skip[0].Ordinal-first) - out)
		out++
		f.setAside(f.skip[0].Bad)
	}
}

// mostShown is how much of a bad record is kept, in bytes, as of those that plugins tell of.
const mostShown = 64 << 10

func (f *feeder) bad(object string, off int64, record []byte, err error) {
	record = bytes.Clone(record[:min(len(record), mostShown)])
	f.setAside(&sessionv1.BadSample{Object: object, Offset: uint64(off), Error: err.Error(), Record: record})
}

// setAside counts a bad record that does not reach the plugin.
func (f *feeder) setAside(s *sessionv1.BadSample) {
	if f.d.Bad != nil {
		f.d.Bad(s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.BadRecords++
	if len(f.tally.BadSamples) < maxBadSamples {
		f.tally.BadSamples = append(f.tally.BadSamples, s)
	}
}

// hear passes on what the plugin tells of bad records, with their places.
func (f *feeder) hear(m Mapper) {
	if r, ok := m.(reporter); ok && f.d.Bad != nil {
		r.OnBad(func(list []*pluginv1.BadRecord) {
			for _, b := range list {
				f.d.Bad(placed(m, b))
			}
		})
	}
}
