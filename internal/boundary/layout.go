package boundary

import (
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// The buffers of each kind of batch, in the order they have on the wire.

func recordBuffers(r *rows.Records) [][]byte { return [][]byte{int32Bytes(r.Off), r.Data} }

func batchBuffers(b *rows.Batch) [][]byte {
	return [][]byte{int32Bytes(b.KeyOff), b.Keys, int32Bytes(b.ValOff), b.Vals}
}

func pairBuffers(p *Pairs) [][]byte {
	bufs := batchBuffers(&p.Batch)
	if p.Parts != nil {
		bufs = append(bufs, int32Bytes(p.Parts))
	}
	return bufs
}

// column reads offsets and checks them against the rows announced and the data they point into.
func column(off, data []byte, n uint32) ([]int32, error) {
	o, err := int32s(off)
	if err != nil {
		return nil, err
	}
	if uint64(len(o)) != uint64(n)+1 {
		return nil, errs.New(errs.Corrupt, "%d offsets for %d rows", len(o), n)
	}
	if o[0] < 0 || int(o[n]) > len(data) {
		return nil, errs.New(errs.Corrupt, "offsets %d to %d into %d bytes", o[0], o[n], len(data))
	}
	wrong := int32(0) // a sign bit set once stays: one check for all rows
	for i := 1; i < len(o); i++ {
		wrong |= o[i] | (o[i] - o[i-1])
	}
	if wrong < 0 {
		return nil, errs.New(errs.Corrupt, "offsets that fall")
	}
	return o, nil
}

// recordsOf makes records of the buffers of an InputBatch.
func recordsOf(h *pluginv1.InputBatch, bufs [][]byte) (rows.Records, error) {
	r := rows.Records{Terminated: h.GetTerminated()}
	if h.GetFormat() != pluginv1.InputBatch_FORMAT_STRINGS || len(bufs) != 2 {
		return r, errs.New(errs.Invalid, "input in a format this plugin does not read (%v, %d buffers)", h.GetFormat(), len(bufs))
	}
	r.Data = bufs[1]
	var err error
	r.Off, err = column(bufs[0], r.Data, h.GetBuffers().GetRows())
	return r, err
}

// batchOf makes rows of the four buffers of a batch of pairs.
func batchOf(n uint32, bufs [][]byte) (b rows.Batch, err error) {
	if len(bufs) < 4 {
		return b, errs.New(errs.Corrupt, "a batch of pairs in %d buffers", len(bufs))
	}
	b.Keys, b.Vals = bufs[1], bufs[3]
	if b.KeyOff, err = column(bufs[0], b.Keys, n); err != nil {
		return b, errs.E(errs.Corrupt, "keys", "", err)
	}
	if b.ValOff, err = column(bufs[2], b.Vals, n); err != nil {
		return b, errs.E(errs.Corrupt, "values", "", err)
	}
	return b, nil
}

// pairsOf makes pairs of the buffers of a PairBatch. partitions bounds the partitions a plugin may name.
func pairsOf(h *pluginv1.PairBatch, bufs [][]byte, partitions uint32) (*Pairs, error) {
	n := h.GetBuffers().GetRows()
	p := &Pairs{Sorted: h.GetSorted(), Partition: int(h.GetPartition())}
	var err error
	if p.Batch, err = batchOf(n, bufs); err != nil {
		return nil, err
	}
	partitions = max(partitions, 1)
	if h.GetPartition() >= partitions {
		return nil, errs.New(errs.Corrupt, "partition %d of %d", h.GetPartition(), partitions)
	}
	if len(bufs) < 5 {
		return p, nil
	}
	if p.Parts, err = int32s(bufs[4]); err != nil {
		return nil, err
	}
	if uint64(len(p.Parts)) != uint64(n) {
		return nil, errs.New(errs.Corrupt, "%d partitions for %d rows", len(p.Parts), n)
	}
	for _, part := range p.Parts {
		if part < 0 || uint32(part) >= partitions {
			return nil, errs.New(errs.Corrupt, "partition %d of %d", part, partitions)
		}
	}
	return p, nil
}
