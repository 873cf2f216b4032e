package mapside

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/jobs/spec"
)

// identity stands where a plugin would where the map is known to change nothing: it makes the records of a batch pairs
// as they come, with neither process nor boundary between.
//
// A record that is its own key is the pair (record, nothing), as the plugin's would be. Of others the pair is (key, what
// of the record is not the key), so that no byte is kept twice; a reduce puts them together again.
type identity struct {
	c     *collector
	f     *feeder // is told of records without a key
	key   spec.KeyBytes
	spare []*rows.Records

	without uint64 // records without a key
}

// isIdentity tells whether a task needs no plugin.
func isIdentity(t *Task) (bool, error) {
	if t.Job.Keys != "" && !t.Stage.GetIdentity() {
		return false, spec.ErrKeysOfIdentity
	}
	return t.Stage.GetIdentity() && t.Partitions > 0, nil
}

// minRow is the bytes of a row that a buffer has an offset for: rows of shorter ones fill it by their number.
const minRow = 16

// Buffer gives an empty batch, a used one if there is one of the size.
func (m *identity) Buffer(n int) *rows.Records {
	for len(m.spare) > 0 {
		last := len(m.spare) - 1
		b := m.spare[last]
		m.spare = m.spare[:last]
		if cap(b.Data) >= n { // else it is given up: a record of unusual size comes
			b.Off, b.Data, b.Origins = b.Off[:0], b.Data[:0], nil
			return b
		}
	}
	return &rows.Records{Data: make([]byte, 0, n), Off: make([]int32, 0, n/minRow+2)}
}

// Send collects the records of a batch.
func (m *identity) Send(ctx context.Context, b *rows.Records) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := m.collect(ctx, b); err != nil {
		return err
	}
	m.c.count()
	if cap(b.Data) <= 2*minBatch {
		m.spare = append(m.spare, b)
	}
	return nil
}

// minBatch is the least bytes a batch is asked for with.
const minBatch = 1 << 20

func (m *identity) collect(ctx context.Context, b *rows.Records) error {
	n, s := m.c.t.Partitions, m.c.sorter
	for i := range b.Len() {
		rec := b.Data[b.Off[i]:b.Off[i+1]]
		if b.Terminated {
			rec = withoutEnd(rec)
		}
		off, end := 0, len(rec)
		if !m.key.Whole() {
			if off, end = m.key.Off, m.key.End(); end > len(rec) {
				m.short(b, i, len(rec))
				continue
			}
		}
		part := codec.Partition(rec[off:end], n)
		if s.AddCut(part, rec, off, end) {
			continue
		}
		if err := m.c.spill(ctx); err != nil {
			return err
		}
		s = m.c.sorter                // merging spills on the way makes a new one
		s.AddCut(part, rec, off, end) // an empty sorter takes any pair
	}
	return nil
}

// short sets a record aside that ends before its key does.
func (m *identity) short(b *rows.Records, i, n int) {
	m.without++
	object, off, _ := b.Where(i)
	m.f.bad(object, off, b.Data[b.Off[i]:b.Off[i+1]], errs.E(errs.Invalid, "record", object,
		fmt.Errorf("at byte %d: it has %d bytes, and its key is %d from byte %d on", off, n, m.key.Len, m.key.Off)))
}

// CloseSend says that all has been sent: there is nobody to tell.
func (m *identity) CloseSend() error { return nil }

// withoutEnd cuts the end off a line.
func withoutEnd(line []byte) []byte {
	if cut, ok := bytes.CutSuffix(line, []byte{'\n'}); ok {
		return bytes.TrimSuffix(cut, []byte{'\r'})
	}
	return line
}
