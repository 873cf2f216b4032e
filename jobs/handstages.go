package jobs

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/tsv"
	"github.com/mrctl/mrctl/internal/typed"
)

// local is a job that is run by hand: its stages, one after the other.
type local struct {
	programs []boundary.Program
	given    map[string][]string // files, by input
	rows     map[int]*heap       // by the stage that gave them, while later ones read them
	stdin    io.Reader
	out      io.Writer
	stderr   io.Writer
	aside    passed
}

func (h *local) run(ctx context.Context) error {
	for i, p := range h.programs {
		var text []byte
		put := func(rec arrow.RecordBatch) error {
			text = tsv.Append(text[:0], rec)
			_, err := h.out.Write(text)
			return err
		}
		if i < len(h.programs)-1 {
			kept, err := h.newHeap(i)
			if err != nil {
				return err
			}
			h.rows[i], put = kept, kept.put
		}
		if err := h.mapAndReduce(ctx, p, put); err != nil {
			if len(h.programs) > 1 {
				err = fmt.Errorf("stage %s: %w", p.Describe().Name, err)
			}
			return err
		}
	}
	return nil
}

// source reads what an input is given.
func (h *local) source(about *pluginv1.Input) (source, error) {
	if n := about.GetAfter(); n > 0 {
		return &heapReader{heap: h.rows[int(n)-1]}, nil
	}
	return newSource(about, h.given[about.GetName()], h.stdin)
}

// heap is all rows of a stage, encoded as later stages map them.
type heap struct {
	name    string
	table   *typed.Table
	batches []rows.Records
}

// newHeap makes a heap for the rows of a stage. All who read them do so as the same type.
func (h *local) newHeap(stage int) (*heap, error) {
	about := h.programs[stage].Describe()
	for _, p := range h.programs {
		for _, in := range p.Describe().Inputs {
			if int(in.After) == stage+1 {
				return heapOf(about, in)
			}
		}
	}
	return nil, fmt.Errorf("no stage reads the rows of %s", about.Name)
}

func heapOf(from *pluginv1.Stage, to *pluginv1.Input) (*heap, error) {
	out, err := codec.UnmarshalSchema(from.OutputSchema)
	if err != nil {
		return nil, err
	}
	in, err := codec.UnmarshalSchema(to.InputSchema)
	if err != nil {
		return nil, err
	}
	columns, err := typed.New(in.Fields())
	if err != nil {
		return nil, err
	}
	table, err := columns.Table(out)
	return &heap{name: from.Name, table: table}, err
}

func (h *heap) put(rec arrow.RecordBatch) (err error) {
	h.table.Bind(rec)
	r := rows.Records{Off: []int32{0}, Origins: []rows.Origin{{Object: "stage " + h.name}}}
	for i := range int(rec.NumRows()) {
		if r.Data, err = h.table.Append(r.Data, i); err != nil {
			return err
		}
		r.Off = append(r.Off, int32(len(r.Data)))
	}
	h.batches = append(h.batches, r)
	return nil
}

// heapReader gives the rows of a stage to one that follows.
type heapReader struct {
	*heap
	at int
}

func (r *heapReader) next() (*boundary.Input, error) {
	if r.at == len(r.batches) {
		return nil, io.EOF
	}
	r.at++
	return &boundary.Input{Number: uint64(r.at - 1), Records: r.batches[r.at-1]}, nil
}

func (r *heapReader) close() {}

func (r *heapReader) where(batch, row uint64) string {
	for _, b := range r.batches[:batch] {
		row += uint64(b.Len())
	}
	return fmt.Sprintf("row %d of stage %s", row, r.name)
}

func (r *heapReader) place(err error) error { return placedBy(r.where, err) }
