package table

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// Named are the parts of a stage's named outputs that one attempt writes, in the order of the stage's list. Each is there from
// the beginning, so that every task leaves the same parts, with rows or without. The zero value has none.
type Named struct {
	parts []PartWriter
	rows  int64
}

// NamedSource is a stream that gives rows of named outputs.
type NamedSource interface {
	// TakeNamed says who takes them, each with the place of its output in the list; before anything is received.
	TakeNamed(outputs []*pluginv1.Output, put func(output int, rec arrow.RecordBatch) error) error
}

// OpenNamed begins the parts of a stage's named outputs; open begins that of one.
func OpenNamed(ctx context.Context, stage *pluginv1.Stage, open func(ctx context.Context, output int, schema *arrow.Schema) (PartWriter, error)) (*Named, error) {
	n := &Named{}
	for i, o := range stage.GetOutputs() {
		fields, err := Fields(o.GetSchema())
		if err != nil {
			n.Abort()
			return nil, err
		}
		p, err := open(ctx, i, arrow.NewSchema(fields, nil))
		if err != nil {
			n.Abort()
			return nil, err
		}
		n.parts = append(n.parts, p)
	}
	return n, nil
}

// Take makes them take the rows of a stream.
func (n *Named) Take(stage *pluginv1.Stage, from NamedSource) error {
	if len(n.parts) == 0 {
		return nil
	}
	return from.TakeNamed(stage.GetOutputs(), func(output int, rec arrow.RecordBatch) error {
		n.rows += rec.NumRows()
		return n.parts[output].Write(rec)
	})
}

// Rows is how many have been written, to all of them.
func (n *Named) Rows() int64 { return n.rows }

// Stage makes all of them durable, still invisible.
func (n *Named) Stage(ctx context.Context) error {
	for _, p := range n.parts {
		if err := p.Stage(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Abort gives up what is not staged. Of nil it does nothing.
func (n *Named) Abort() {
	if n == nil {
		return
	}
	for _, p := range n.parts {
		p.Abort()
	}
}
