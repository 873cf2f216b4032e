package suspect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// Stream is a map stream to a process that may die of it, on which the plugin says of every batch that it is done. Recv
// is called on a goroutine of its own.
type Stream interface {
	Send(ctx context.Context, batch *rows.Records) error
	Recv() (*boundary.Pairs, error)
	Done() uint64
	Moved() <-chan struct{}
	Close()
}

// Hunt is a search for the records of a split that kill the plugin. All fields but From, Skip and Limit are required.
type Hunt struct {
	// Next gives the records of the split, from its first, and io.EOF at the end.
	Next func(ctx context.Context) (*rows.Records, error)
	// Open starts a stream, in a process that lives. It ends with ctx.
	Open func(ctx context.Context) (Stream, error)
	// Kill ends the process of the last stream, which has not come back.
	Kill  func() error
	From  uint64        // the first record to look at
	Skip  []Found       // known already; by ordinal
	Most  int           // so many are looked for
	Limit time.Duration // of a record; 0: none
}

// Found is a record that kills the plugin.
type Found struct {
	Ordinal uint64               // of the record in its split, from 0
	Hung    bool                 // it does not come back; else it ends the process, or panics
	Bad     *sessionv1.BadSample // its place, how it kills, and its beginning
}

// Alone is the error of an attempt for which such a record is too much.
func (f Found) Alone() error {
	return errs.New(errs.UserCode, "map %s at byte %d: this record alone kills the plugin (--max-bad-records N sets such aside): %s",
		f.Bad.Object, f.Bad.Offset, f.Bad.Error)
}

// Merge puts together what was found, by ordinal.
func Merge(a, b []Found) []Found {
	out := make([]Found, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].Ordinal < b[0].Ordinal {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// recordKept is how much of a record is kept, in bytes.
const recordKept = 64 << 10

// Run finds them, in order. unsure is how many records killed it together, of which none does so alone.
func (h Hunt) Run(ctx context.Context) (found []Found, unsure int, err error) {
	t := &trial{h: &h, ctx: ctx}
	defer t.end()
	for first := uint64(0); len(found) < h.Most; {
		b, err := h.Next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return found, unsure, err
		}
		for _, s := range h.stretches(first, b.Len()) {
			try := func(lo, hi int) (*death, error) {
				d, err := t.try(b, s.lo+lo, s.lo+hi)
				if d != nil {
					d.row -= s.lo
				}
				return d, err
			}
			n, err := search(s.hi-s.lo, try, func(row int, d *death) bool {
				found = append(found, describe(b, s.lo+row, first, d))
				return len(found) < h.Most
			})
			unsure += n
			if err != nil || len(found) >= h.Most {
				return found, unsure, err
			}
		}
		first += uint64(b.Len())
	}
	return found, unsure, nil
}

type stretch struct{ lo, hi int }

// stretches are the rows to look at of a batch of n that begins with the record first.
func (h *Hunt) stretches(first uint64, n int) (out []stretch) {
	lo := int(min(max(h.From, first)-first, uint64(n)))
	for _, s := range h.Skip {
		if s.Ordinal < first+uint64(lo) || s.Ordinal >= first+uint64(n) {
			continue
		}
		row := int(s.Ordinal - first)
		out = append(out, stretch{lo, row})
		lo = row + 1
	}
	return append(out, stretch{lo, n})
}

func describe(b *rows.Records, row int, first uint64, d *death) Found {
	object, off, _ := b.Where(row)
	rec := b.Data[b.Off[row]:b.Off[row+1]]
	if line, ok := bytes.CutSuffix(rec, []byte{'\n'}); ok && b.Terminated {
		rec = bytes.TrimSuffix(line, []byte{'\r'})
	}
	return Found{Ordinal: first + uint64(row), Hung: errors.As(d.why, new(*HungError)), Bad: &sessionv1.BadSample{
		Object: object, Offset: uint64(off), Error: clip(d.why.Error()), Record: append([]byte(nil), rec[:min(len(rec), recordKept)]...),
	}}
}

// trial is the stream that rows are tried on. It lives until one of them kills it.
type trial struct {
	h    *Hunt
	ctx  context.Context
	sent uint64

	stream Stream
	cancel context.CancelFunc
	ended  chan error // what ended the stream; nobody but the trial's own end has read it
}

func (t *trial) start() error {
	ctx, cancel := context.WithCancel(t.ctx)
	s, err := t.h.Open(ctx)
	if err != nil {
		cancel()
		return err
	}
	ended := make(chan error, 1)
	t.stream, t.cancel, t.ended, t.sent = s, cancel, ended, 0
	go func() {
		for {
			if _, err := s.Recv(); err != nil {
				ended <- err
				return
			}
		}
	}()
	return nil
}

// try maps rows lo to hi-1 of a batch and waits until that is done.
func (t *trial) try(b *rows.Records, lo, hi int) (*death, error) {
	if err := context.Cause(t.ctx); err != nil {
		return nil, err
	}
	if t.stream == nil {
		if err := t.start(); err != nil {
			return nil, err
		}
	}
	var late <-chan time.Time
	if t.h.Limit > 0 {
		timer := time.NewTimer(t.h.Limit)
		defer timer.Stop()
		late = timer.C
	}
	t.sent += uint64(hi - lo)
	if err := t.stream.Send(t.ctx, b.Slice(lo, hi)); err != nil {
		return t.lost(err, lo)
	}
	for t.stream.Done() < t.sent {
		select {
		case <-t.stream.Moved():
		case err := <-t.ended:
			t.ended <- err
			return t.lost(err, lo)
		case <-late:
			err := t.h.Kill()
			t.end()
			return &death{why: &HungError{Limit: t.h.Limit}, row: -1}, err
		case <-t.ctx.Done():
			return nil, context.Cause(t.ctx)
		}
	}
	return nil, nil
}

// lost is what an error of the stream means.
func (t *trial) lost(err error, lo int) (*death, error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the plugin has ended a stream whose input had not
	}
	t.end()
	if d := deathOf(err, lo); d != nil {
		return d, nil
	}
	if cause := context.Cause(t.ctx); cause != nil {
		err = cause
	}
	return nil, err
}

// end gives the stream up.
func (t *trial) end() {
	if t.stream == nil {
		return
	}
	t.cancel()
	<-t.ended
	t.stream.Close()
	t.stream = nil
}
