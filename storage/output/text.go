package output

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/cells"
	"github.com/mrctl/mrctl/internal/csv"
	"github.com/mrctl/mrctl/internal/jsonl"
	"github.com/mrctl/mrctl/internal/tsv"
)

// tsvWriter writes lines, as package tsv has them.
type tsvWriter struct{ *Part }

func (w tsvWriter) write(b arrow.RecordBatch) (err error) {
	rows := tsv.NewRows(b)
	for at := 0; at < rows.Len(); {
		if w.buf, at = rows.Append(w.buf, at, flushAt); len(w.buf) >= flushAt {
			if w.buf, err = w.flush(w.buf); err != nil {
				return err
			}
		}
	}
	return nil
}

func (tsvWriter) end() error { return nil }

// rowWriter writes lines, one row after the other.
type rowWriter struct {
	*Part
	row func(dst []byte, columns []cells.Column, row int) ([]byte, error)
}

func (w rowWriter) write(b arrow.RecordBatch) (err error) {
	columns := cells.Columns(b)
	for i := range int(b.NumRows()) {
		if w.buf, err = w.row(w.buf, columns, i); err != nil {
			return err
		}
		if len(w.buf) >= flushAt {
			if w.buf, err = w.flush(w.buf); err != nil {
				return err
			}
		}
	}
	return nil
}

func (rowWriter) end() error { return nil }

// newCSVWriter writes lines as package csv has them; a part of no rows has its header all the same.
func newCSVWriter(p *Part) (formatWriter, error) {
	if err := csv.Check(p.schema); err != nil {
		return nil, err
	}
	p.buf = csv.AppendHeader(p.buf, p.schema)
	return rowWriter{p, func(dst []byte, columns []cells.Column, row int) ([]byte, error) {
		return csv.AppendRow(dst, columns, row), nil
	}}, nil
}

func newJSONLWriter(p *Part) (formatWriter, error) {
	w, err := jsonl.New(p.schema)
	if err != nil {
		return nil, err
	}
	return rowWriter{p, w.AppendRow}, nil
}
