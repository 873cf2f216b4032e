package boundary

import (
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/shm"
)

// mostBuffers is how many a batch of any kind has.
const mostBuffers = 5

// room is how many bytes of a segment lay takes for buffers.
func room(buffers ...[]byte) (n int) {
	for _, b := range buffers {
		n += (len(b) + 7) &^ 7
	}
	return n
}

// lay copies buffers into a segment, one after another, each to a multiple of 8 bytes.
func lay(id uint32, segment []byte, buffers ...[]byte) *pluginv1.Place {
	p := &pluginv1.Place{Segment: id, Offsets: make([]uint64, 0, len(buffers))}
	at := 0
	for _, b := range buffers {
		p.Offsets = append(p.Offsets, uint64(at))
		copyWarm(segment[at:], b)
		at += room(b)
	}
	return p
}

// find gives buffers where they lie in a segment. Nothing the peer says of their places is believed.
func find(r *shm.Region, p *pluginv1.Place, lengths []uint64) ([][]byte, error) {
	if len(lengths) > mostBuffers || len(p.GetOffsets()) != len(lengths) {
		return nil, errs.New(errs.Corrupt, "%d buffers at %d places", len(lengths), len(p.GetOffsets()))
	}
	out := make([][]byte, len(lengths))
	for i, n := range lengths {
		var err error
		if out[i], err = r.Slice(p.GetSegment(), p.GetOffsets()[i], n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lift copies buffers out of a segment, in their place in bufs: into memory that into has, or memory of their own, which
// into keeps.
func lift(bufs, into [][]byte) [][]byte {
	for i, b := range bufs {
		if i < len(into) && cap(into[i]) >= len(b) {
			bufs[i] = into[i][:len(b)]
			copyWarm(bufs[i], b)
		} else {
			bufs[i] = cloneWarm(b)
		}
		if i < len(into) {
			into[i] = bufs[i]
		}
	}
	return bufs
}
