package replay

import (
	"bytes"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/worker/runs"
)

// filtered is a map stream of which only some pairs come through: those of the partition that a reduce is to have.
type filtered struct {
	*boundary.MapStream
	keep func(b *boundary.Pairs, i int) bool
	own  boundary.Pairs
}

// Recv implements mapside.Mapper.
func (f *filtered) Recv() (*boundary.Pairs, error) {
	for {
		b, err := f.MapStream.Recv()
		if err != nil {
			return nil, err
		}
		f.own.Reset()
		f.own.Parts, f.own.Sorted, f.own.Partition = f.own.Parts[:0], b.Sorted, b.Partition
		for i := range b.Len() {
			if !f.keep(b, i) {
				continue
			}
			f.own.Append(b.Key(i), b.Val(i))
			if b.Parts != nil {
				f.own.Parts = append(f.own.Parts, b.Parts[i])
			}
		}
		if b.Parts == nil {
			f.own.Parts = nil
		}
		if f.own.Len() > 0 {
			return &f.own, nil
		}
	}
}

// ofPartition keeps the pairs of one partition of n. Those that the plugin put into none are kept too: they are an error.
func ofPartition(want, n int) func(*boundary.Pairs, int) bool {
	return func(b *boundary.Pairs, i int) bool {
		part := b.Partition
		switch {
		case b.Parts != nil:
			part = int(b.Parts[i])
		case !b.Sorted:
			part = codec.Partition(b.Key(i), n)
		}
		return part == want || part < 0 || part >= n
	}
}

// ofSpan keeps the pairs of a range of keys.
func ofSpan(s *runs.Span) func(*boundary.Pairs, int) bool {
	return func(b *boundary.Pairs, i int) bool {
		key := b.Key(i)
		return bytes.Compare(key, s.Low) >= 0 && (s.High == nil || bytes.Compare(key, s.High) < 0)
	}
}
