package output

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// arrowWriter writes an Arrow IPC file, uncompressed: the part's schema, a record batch for each batch of rows, and the
// footer by which readers find them.
type arrowWriter struct {
	part *Part
	file *ipc.FileWriter // nil before the first batch
}

func (w *arrowWriter) write(b arrow.RecordBatch) error {
	if err := w.begin(); err != nil || b.NumRows() == 0 {
		return err
	}
	own := array.NewRecordBatch(w.part.schema, b.Columns(), b.NumRows()) // whatever its own columns are called
	defer own.Release()
	return w.file.Write(own)
}

func (w *arrowWriter) begin() (err error) {
	if w.file == nil {
		w.file, err = ipc.NewFileWriter(streamed{w.part}, ipc.WithSchema(w.part.schema))
	}
	return err
}

func (w *arrowWriter) end() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.file.Close()
}

// streamed is a part as an io.Writer: small writes are gathered, large ones are handed on as they are.
type streamed struct{ p *Part }

func (s streamed) Write(b []byte) (n int, err error) {
	p := s.p
	if len(p.buf)+len(b) < flushAt {
		p.buf = append(p.buf, b...)
		return len(b), nil
	}
	if len(p.buf) > 0 {
		if p.buf, err = p.flush(p.buf); err != nil {
			return 0, err
		}
	}
	if _, err := p.flush(b); err != nil {
		return 0, err
	}
	return len(b), nil
}
