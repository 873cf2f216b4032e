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
	p := &pluginv1.Place{Segment: id}
	at := 0
	for _, b := range buffers {
		p.Offsets = append(p.Offsets, uint64(at))
		copy(segment[at:], b)
		at += room(b)
	}
	return p
}

// lift copies buffers out of a segment: into memory that into has, or memory of their own. Nothing the peer says of
// where they lie is believed.
func lift(r *shm.Region, p *pluginv1.Place, lengths []uint64, into [][]byte) ([][]byte, error) {
	if len(lengths) > mostBuffers || len(p.GetOffsets()) != len(lengths) {
		return nil, errs.New(errs.Corrupt, "%d buffers at %d places", len(lengths), len(p.GetOffsets()))
	}
	out := make([][]byte, len(lengths))
	for i, n := range lengths {
		b, err := r.Slice(p.GetSegment(), p.GetOffsets()[i], n)
		if err != nil {
			return nil, err
		}
		var dst []byte
		if i < len(into) {
			dst = into[i][:0]
		}
		out[i] = append(dst, b...) // appended, for that is not cleared first
		if i < len(into) {
			into[i] = out[i]
		}
	}
	return out, nil
}
