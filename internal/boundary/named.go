package boundary

import (
	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
)

// Rows of named outputs go up beside the others, by the stream alone: they are few, or at least they need not be as fast.

// named receives them, on the worker's side. The zero value takes none.
type named struct {
	put     func(output int, rec arrow.RecordBatch) error
	readers []*batchReader
}

// TakeNamed says who takes the rows of a stage's named outputs: put, which is called within Recv, with the place of the
// output in the list. Its error ends the stream. It is called before the first Recv.
func (n *named) TakeNamed(outputs []*pluginv1.Output, put func(output int, rec arrow.RecordBatch) error) error {
	n.put, n.readers = put, nil
	for _, o := range outputs {
		schema, err := codec.UnmarshalSchema(o.GetSchema())
		if err != nil {
			return errs.E(errs.UserCode, "plugin", "output "+o.GetName(), err)
		}
		r, err := newBatchReader(schema)
		if err != nil {
			return err
		}
		n.readers = append(n.readers, r)
	}
	return nil
}

// take takes a batch of rows, which begins with body and goes on with what more gives.
func (n *named) take(b *pluginv1.OutputBatch, body []byte, more func() ([]byte, error)) error {
	i := int(b.GetOutput()) - 1
	if i < 0 || i >= len(n.readers) {
		return blame(errs.New(errs.Corrupt, "rows of output %d, and the stage has %d named ones", b.GetOutput(), len(n.readers)))
	}
	if b.GetPlace() != nil {
		return blame(errs.New(errs.Corrupt, "rows of a named output in a segment"))
	}
	bufs, err := join([]uint64{b.GetBodyLength()}, b.GetBodyLength(), body, more)
	if err != nil {
		return err
	}
	rec, err := n.readers[i].read(aligned(bufs[0]), b.GetRows())
	if err != nil {
		return blame(err)
	}
	defer rec.Release()
	return n.put(i, rec)
}

// namedBatch is the message of such a batch, in the pieces that go by the stream.
func namedBatch(output int, rec arrow.RecordBatch) (*pluginv1.OutputBatch, [][]byte, error) {
	msg, err := batchMessage(nil, rec)
	if err != nil {
		return nil, nil, err
	}
	return &pluginv1.OutputBatch{Rows: uint32(rec.NumRows()), BodyLength: uint64(len(msg)), Output: uint32(output + 1)}, cut(msg), nil
}

// SendNamed implements MapPort.
func (p *mapPort) SendNamed(output int, rec arrow.RecordBatch) error {
	b, bodies, err := namedBatch(output, rec)
	if err != nil {
		return err
	}
	m := &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Rows{Rows: b}}
	for _, body := range bodies {
		m.Body = body
		if err := p.stream.Send(m); err != nil {
			return err
		}
		m = &pluginv1.MapResponse{}
	}
	return nil
}

// SendNamed implements ReducePort.
func (p *reducePort) SendNamed(output int, rec arrow.RecordBatch) error {
	b, bodies, err := namedBatch(output, rec)
	if err != nil {
		return err
	}
	m := &pluginv1.ReduceResponse{Kind: &pluginv1.ReduceResponse_Batch{Batch: b}}
	for _, body := range bodies {
		m.Body = body
		if err := p.stream.Send(m); err != nil {
			return err
		}
		m = &pluginv1.ReduceResponse{}
	}
	return nil
}
