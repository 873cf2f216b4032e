package output

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/mrctl/mrctl/internal/cells"
	"github.com/mrctl/mrctl/internal/jsonl"
)

// A row group is held, encoded and compressed, until it is whole: its columns lie one after the other in the file. It ends
// after the batch with which its values, before that, have reached groupBytes, or its rows groupRows.
const (
	groupBytes = 32 << 20
	groupRows  = 1 << 20
)

// parquetWriter writes a Parquet file: columns of the part's types, compressed with zstd, with the least and the greatest
// value of each column of each row group. Texts have to be UTF-8, as readers rely on it.
type parquetWriter struct {
	part *Part
	file *pqarrow.FileWriter
	held int64 // bytes of values in the row group
	rows int64
}

func newParquetWriter(p *Part) (formatWriter, error) {
	if err := cells.Check(p.schema, "parquet"); err != nil {
		return nil, err
	}
	// What only this program knows of a column stays out of files for others.
	fields := p.schema.Fields()
	for i := range fields {
		fields[i].Metadata = arrow.Metadata{}
	}
	p.schema = arrow.NewSchema(fields, nil)
	return &parquetWriter{part: p}, nil
}

// begin is not done before there is a store to write to: a file begins with a few bytes of its own.
func (w *parquetWriter) begin() (err error) {
	if w.file == nil {
		w.file, err = pqarrow.NewFileWriter(w.part.schema, streamed{w.part}, parquet.NewWriterProperties(
			parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1), parquet.WithCreatedBy("mrctl")),
			pqarrow.DefaultWriterProps())
	}
	return err
}

func (w *parquetWriter) write(b arrow.RecordBatch) error {
	if err := w.begin(); err != nil || b.NumRows() == 0 {
		return err
	}
	if w.held >= groupBytes || w.rows >= groupRows {
		if err := w.file.NewBufferedRowGroupChecked(); err != nil {
			return err
		}
		w.held, w.rows = 0, 0
	}
	columns := cells.Columns(b)
	for i := range columns {
		if row := columns[i].NotUTF8(); row >= 0 {
			return jsonl.NotUTF8(w.part.schema.Field(i).Name, columns[i].Bytes(row), "Parquet")
		}
		w.held += columns[i].Size()
	}
	own := array.NewRecordBatch(w.part.schema, b.Columns(), b.NumRows())
	defer own.Release()
	w.rows += b.NumRows()
	return w.file.WriteBuffered(own)
}

func (w *parquetWriter) end() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.file.Close()
}
