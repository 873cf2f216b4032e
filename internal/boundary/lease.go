package boundary

import (
	"bytes"
	"context"
	"slices"
	"sync"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/shm"
)

// lease is the segments of one attempt, on the worker's side. The plugin is held to the rules: it gives back what it was
// sent, once, and sends in segments of its own that it has back. Whatever else it writes into the memory, and when, harms
// the batches of its own job at most.
type lease struct {
	from     *Segments
	region   *shm.Region
	down, up []uint32
	free     *shm.Pool   // of down
	credits  chan uint32 // of up, on their way back to the plugin; has room for all
	paying   sync.WaitGroup
	once     sync.Once

	mu   sync.Mutex
	sent map[uint32]bool // guarded by mu; of down: with the plugin
	owed map[uint32]bool // guarded by mu; of up: received, and not yet sent back
}

func newLease(from *Segments, down, up []uint32) *lease {
	l := &lease{
		from: from, region: from.region, down: down, up: up,
		free: shm.NewPool(down), credits: make(chan uint32, len(up)), sent: map[uint32]bool{}, owed: map[uint32]bool{},
	}
	for _, id := range up {
		l.owed[id] = false
	}
	return l
}

// start gives credits back from a goroutine of its own, until ctx ends: who receives must never wait for who sends.
func (l *lease) start(ctx context.Context, send func(*pluginv1.Credit) error) {
	l.paying.Go(func() {
		for {
			select {
			case id := <-l.credits:
				if send(&pluginv1.Credit{Segments: l.pay(id)}) != nil {
					return // the stream has ended
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

// pay marks a segment as given back, and those that wait beside it: a message costs the same for all.
func (l *lease) pay(id uint32) []uint32 {
	ids := []uint32{id}
	for len(l.credits) > 0 {
		ids = append(ids, <-l.credits)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.owed[id] = false
	}
	return ids
}

// close gives the segments up, once ctx of start has ended.
func (l *lease) close(well bool) {
	l.once.Do(func() {
		l.paying.Wait()
		l.from.back(l, well)
	})
}

// records gives a free segment as memory for a batch: two thirds for data, the rest for offsets. nil: ctx has ended.
func (l *lease) records(ctx context.Context) *rows.Records {
	id, err := l.free.Get(ctx)
	if err != nil {
		return nil
	}
	mem, n := l.region.Segment(id), l.dataRoom()
	off, _ := int32s(mem[n : n+(len(mem)-n)&^3]) // aligned, and whole
	return &rows.Records{Data: mem[:0:n], Off: off[:0:len(off)]}
}

// dataRoom is how many bytes of data records has room for.
func (l *lease) dataRoom() int { return batchIn(l.region.SegmentSize()) }

// place says where in a segment a batch lies, and notes that the segment goes to the plugin. A batch that is not wholly
// in one is moved to memory of its own and has no place; what it held of a segment is free again, as is an empty batch's.
func (l *lease) place(r *rows.Records) (*pluginv1.Place, error) {
	if l == nil {
		return nil, nil
	}
	id, data, whole := l.region.Find(r.Data)
	also, off, in := l.region.Find(int32Bytes(r.Off))
	switch {
	case whole && in && id == also && r.Len() > 0:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sent[id] = true
		return &pluginv1.Place{Segment: id, Offsets: []uint64{off, data}}, nil
	case !whole && !in:
		return nil, nil
	case !whole:
		id = also
	}
	r.Data, r.Off = bytes.Clone(r.Data), slices.Clone(r.Off)
	return nil, l.free.Put(id)
}

// copy puts rows into a free segment for the plugin. They have no place where they are too large for one, or their
// offsets do not begin at 0. The error is that ctx has ended.
func (l *lease) copy(ctx context.Context, b *rows.Batch) (*pluginv1.Place, error) {
	n := b.Len()
	if l == nil || b.KeyOff[0] != 0 || b.ValOff[0] != 0 || int(b.KeyOff[n]) != len(b.Keys) || int(b.ValOff[n]) != len(b.Vals) {
		return nil, nil
	}
	bufs := batchBuffers(b)
	if room(bufs...) > l.region.SegmentSize() {
		return nil, nil
	}
	id, err := l.free.Get(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.sent[id] = true
	l.mu.Unlock()
	return lay(id, l.region.Segment(id), bufs...), nil
}

// credited takes segments back from the plugin.
func (l *lease) credited(c *pluginv1.Credit) error {
	if l == nil {
		return errs.New(errs.Corrupt, "segments were given back that it never had")
	}
	for _, id := range c.GetSegments() {
		l.mu.Lock()
		had := l.sent[id]
		delete(l.sent, id)
		l.mu.Unlock()
		if !had {
			return errs.New(errs.Corrupt, "segment %d was given back, which it does not hold", id)
		}
		if err := l.free.Put(id); err != nil {
			return err
		}
	}
	return nil
}

// take copies the buffers of a batch out of a segment and sends the segment back. Nothing is looked at before: the
// plugin may still write there.
func (l *lease) take(p *pluginv1.Place, lengths []uint64, into [][]byte) ([][]byte, error) {
	if l == nil {
		return nil, errs.New(errs.Corrupt, "a batch in segment %d, of none", p.GetSegment())
	}
	id := p.GetSegment()
	l.mu.Lock()
	owed, mine := l.owed[id]
	if mine && !owed {
		l.owed[id] = true
	}
	l.mu.Unlock()
	if !mine || owed {
		return nil, errs.New(errs.Corrupt, "a batch in segment %d, which it does not hold", id)
	}
	bufs, err := find(l.region, p, lengths)
	if err != nil {
		return nil, err
	}
	bufs = lift(bufs, into)
	l.credits <- id // has room: an id is owed once
	giveWay(afterCredit)
	return bufs, nil
}
