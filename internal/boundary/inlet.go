package boundary

import (
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/shm"
)

// inlet is what a plugin reads in one attempt: messages in order, with the credits taken out for the segments it sends
// in. Who needs such a segment reads on until one is back, and keeps the messages met on the way. The worker always
// receives, so a credit is always coming, unless it waits behind batches that came by the stream; when too much of those
// has been put aside, the plugin stops waiting and sends by the stream too.
type inlet[M message] struct {
	recv   func() (M, error)
	region *shm.Region     // nil: nothing is shared
	mine   map[uint32]bool // segments to send in; true: free
	free   []uint32

	aside []M
	bytes int // of bodies in aside
}

// message is what a worker sends, of either phase.
type message interface {
	GetBody() []byte
	GetCredit() *pluginv1.Credit
}

// mostAside is how many bytes of bodies are kept before waiting for a segment is given up.
const mostAside = 4 << 20

// newInlet makes an inlet. up are the segments to send in, which the worker says are this attempt's.
func newInlet[M message](recv func() (M, error), region *shm.Region, up []uint32) (*inlet[M], error) {
	in := &inlet[M]{recv: recv, region: region}
	if len(up) == 0 {
		return in, nil
	}
	if region == nil {
		return nil, errs.New(errs.Invalid, "segments are given to a plugin that shares none")
	}
	in.mine = make(map[uint32]bool, len(up))
	for _, id := range up {
		if _, err := region.Slice(id, 0, 0); err != nil || in.mine[id] {
			return nil, errs.New(errs.Invalid, "segment %d of %v is given to this attempt, of %d", id, up, region.Segments())
		}
		in.mine[id] = true
	}
	in.free = append(in.free, up...)
	return in, nil
}

// batch is how many bytes of rows a batch should gather.
func (in *inlet[M]) batch() int {
	if len(in.mine) == 0 {
		return BatchSize
	}
	return min(batchIn(in.region.SegmentSize()), BatchSize)
}

// next gives the next message.
func (in *inlet[M]) next() (m M, err error) {
	if len(in.aside) > 0 {
		m, in.aside = in.aside[0], in.aside[1:]
		in.bytes -= len(m.GetBody())
		return m, nil
	}
	for {
		m, err = in.recv()
		if err != nil {
			return m, cutOff(err)
		}
		c := m.GetCredit()
		if c == nil {
			return m, nil
		}
		if err := in.credited(c); err != nil {
			return m, err
		}
	}
}

// body gives the body of the next message.
func (in *inlet[M]) body() ([]byte, error) {
	m, err := in.next()
	return m.GetBody(), err
}

// segment gives a segment to send n bytes in. ok is false where they are to go by the stream.
func (in *inlet[M]) segment(n int) (id uint32, mem []byte, ok bool, err error) {
	if len(in.mine) == 0 || n > in.region.SegmentSize() {
		return 0, nil, false, nil
	}
	for len(in.free) == 0 {
		if in.bytes > mostAside {
			return 0, nil, false, nil
		}
		m, err := in.recv()
		if err != nil {
			return 0, nil, false, cutOff(err)
		}
		if c := m.GetCredit(); c == nil {
			in.aside = append(in.aside, m)
			in.bytes += len(m.GetBody())
		} else if err := in.credited(c); err != nil {
			return 0, nil, false, err
		}
	}
	id, mem, _ = in.spare()
	return id, mem, true, nil
}

func (in *inlet[M]) credited(c *pluginv1.Credit) error {
	for _, id := range c.GetSegments() {
		if free, mine := in.mine[id]; free || !mine {
			return errs.New(errs.Corrupt, "the worker gave segment %d back, which it did not hold", id)
		}
		in.unused(id)
	}
	return nil
}

// spare gives a segment if one is free at this moment.
func (in *inlet[M]) spare() (id uint32, mem []byte, ok bool) {
	last := len(in.free) - 1
	if last < 0 {
		return 0, nil, false
	}
	id, in.free = in.free[last], in.free[:last]
	in.mine[id] = false
	return id, in.region.Segment(id), true
}

// unused makes a segment free again.
func (in *inlet[M]) unused(id uint32) {
	in.mine[id] = true
	in.free = append(in.free, id)
}

// at gives the buffers of a batch where they lie in a segment of the worker's.
func (in *inlet[M]) at(p *pluginv1.Place, lengths []uint64) ([][]byte, error) {
	if in.region == nil {
		return nil, errs.New(errs.Invalid, "a batch in a segment came to a plugin that shares none")
	}
	return find(in.region, p, lengths)
}

// lift copies a batch out of a segment of the worker's.
func (in *inlet[M]) lift(p *pluginv1.Place, lengths []uint64) ([][]byte, error) {
	bufs, err := in.at(p, lengths)
	if err != nil {
		return nil, err
	}
	return lift(bufs, nil), nil
}
