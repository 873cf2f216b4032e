package mapside

import (
	"context"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/worker/table"
)

// partSink writes the pairs of a map-only attempt to its part as they come.
type partSink struct {
	part  table.PartWriter
	cols  *table.Columns
	named *table.Named
}

func newPartSink(ctx context.Context, t *Task, d *Deps) (*partSink, error) {
	schema, err := table.Schema(t.Stage)
	if err != nil {
		return nil, err
	}
	part, err := d.Part(ctx, schema)
	if err != nil {
		return nil, err
	}
	cols, err := table.NewColumns(t.Stage, part, int(min(max(t.Memory/8, 1<<10), 1<<20)))
	if err != nil {
		part.Abort()
		return nil, err
	}
	named, err := table.OpenNamed(ctx, t.Stage, d.Named)
	if err != nil {
		part.Abort()
		return nil, err
	}
	return &partSink{part, cols, named}, nil
}

func (p *partSink) add(ctx context.Context, b *boundary.Pairs) error {
	for i := range b.Len() {
		if err := p.cols.Append(b.Key(i), b.Val(i)); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (p *partSink) finish(ctx context.Context, res *Result) error {
	if err := p.cols.Flush(); err != nil {
		return err
	}
	res.Tally.RowsOut = uint64(p.cols.Rows())
	if err := p.named.Stage(ctx); err != nil {
		return err
	}
	return p.part.Stage(ctx)
}

func (p *partSink) abort() {
	p.part.Abort()
	p.named.Abort()
}
