package streaming

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// Reduce runs a reduce attempt.
func (p *program) Reduce(ctx context.Context, start *pluginv1.ReduceStart, port boundary.ReducePort) (*pluginv1.Counters, error) {
	if p.Fold != "" {
		return p.inner.Reduce(ctx, start, port)
	}
	a, err := p.begin(ctx, start.GetId(), "reduce", start.GetPartitions())
	if err != nil {
		return nil, err
	}
	defer a.end()
	r := &reduction{attempt: a, port: port, out: rowsTo{port: port, schema: p.schema, cells: make([]cells, p.schema.NumFields())}}
	if p.Config.Reduce == "" {
		err = r.pairs()
	} else {
		err = r.command()
	}
	if err == nil {
		err = r.out.send()
	}
	if err != nil {
		return nil, err
	}
	return &pluginv1.Counters{User: a.user, GroupsIn: r.groups, RowsOut: r.out.rows}, nil
}

// reduction is a reduce attempt under way.
type reduction struct {
	*attempt
	port   boundary.ReducePort
	out    rowsTo
	groups uint64
	key    []byte // the last
}

// recv gives the next sorted pairs.
func (r *reduction) recv() (*boundary.Group, error) {
	g, err := r.port.Recv()
	if err != nil {
		return nil, err
	}
	for i := range g.Len() {
		if key, _ := r.cutKey(g.Key(i), nil); r.groups == 0 || textOf(key) != textOf(r.key) {
			r.groups++
			r.key = key
		}
	}
	return g, nil
}

// pairs makes the pairs the result.
func (r *reduction) pairs() error {
	f := r.framing()
	var line []byte
	for {
		g, err := r.recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range g.Len() {
			key, val := g.Key(i), g.Val(i)
			if r.Columns {
				key, val = r.cutKey(key, val)
				if len(val) > 0 && r.Framing != Binary {
					val = val[1:] // the tab
				}
				err = r.out.add(key, val)
			} else {
				line = f.pair(line[:0], key, val)
				err = r.out.add(line)
			}
			if err != nil {
				return err
			}
		}
	}
}

// command makes what the reduce command writes the result.
func (r *reduction) command() error {
	in, out := r.framing(), r.rowFraming()
	c, err := r.start("reduce", r.Config.Reduce, out, r.port.Batch())
	if err != nil {
		return err
	}
	defer c.stop()
	p := pump{ctx: r.ctx, c: c, fetch: func() ([]byte, error) {
		g, err := r.recv()
		if err != nil {
			return nil, err
		}
		buf := make([]byte, 0, len(g.Keys)+len(g.Vals)+8*g.Len())
		for i := range g.Len() {
			buf = in.pair(buf, g.Key(i), g.Val(i))
		}
		return buf, nil
	}}
	_, isLines := out.(lines)
	for {
		units, err := p.output()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for len(units) > 0 {
			row, n := out.cut(units)
			if isLines && !r.Columns {
				row = units[:n] // with its end
			}
			if err := r.out.add(row); err != nil {
				return err
			}
			units = units[n:]
		}
	}
	r.finish(c)
	return nil
}

// rowsTo gathers rows of binary columns and sends them in batches, all in the same memory.
type rowsTo struct {
	port   boundary.ReducePort
	schema *arrow.Schema
	cells  []cells
	bytes  int
	n      int
	rows   uint64
}

// cells is a column by its buffers.
type cells struct {
	off  []int32
	data []byte
}

func (r *rowsTo) add(row ...[]byte) error {
	for i, cell := range row {
		c := &r.cells[i]
		if len(c.off) == 0 {
			c.off = append(c.off, 0)
		}
		c.data = append(c.data, cell...)
		c.off = append(c.off, int32(len(c.data)))
		r.bytes += len(cell) + 4
	}
	r.n++
	r.rows++
	if r.bytes < r.port.Batch() {
		return nil
	}
	return r.send()
}

func (r *rowsTo) send() error {
	if r.n == 0 {
		return nil
	}
	columns := make([]arrow.Array, len(r.cells))
	for i := range r.cells {
		c := &r.cells[i]
		columns[i] = array.NewBinaryData(array.NewData(arrow.BinaryTypes.Binary, r.n,
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.off)), memory.NewBufferBytes(c.data)}, nil, 0, 0))
	}
	err := r.port.Send(array.NewRecordBatch(r.schema, columns, int64(r.n)))
	for i := range r.cells {
		r.cells[i].off, r.cells[i].data = r.cells[i].off[:0], r.cells[i].data[:0]
	}
	r.n, r.bytes = 0, 0
	return err
}
