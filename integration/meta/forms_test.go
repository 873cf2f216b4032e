package meta

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mrctl/mrctl/internal/bzblocks/bztest"
	"github.com/mrctl/mrctl/internal/zframes"
)

// Form is how the lines of a file are stored, and what its name ends in.
type Form string

// The forms. In a table each line is a row.
const (
	Plain   Form = ""
	Gzip    Form = ".gz"
	Zstd    Form = ".zst" // in frames, with a table of them
	Bzip2   Form = ".bz2" // in small blocks
	CSV     Form = ".csv"
	JSON    Form = ".jsonl"
	Parquet Form = ".parquet" // in small row groups
)

var forms = []Form{Plain, Gzip, Zstd, Bzip2, CSV, JSON, Parquet}

// rows says that records are rows of a table: Rec.
func (f Form) rows() bool { return f == CSV || f == JSON || f == Parquet }

// Rec is a row.
type Rec struct{ Line []byte }

// pack stores a text.
func (f Form) pack(text string) ([]byte, error) {
	var b bytes.Buffer
	switch f {
	case Gzip:
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(text))
		err = errors.Join(err, w.Close())
		return b.Bytes(), err
	case Zstd:
		return frames(text)
	case Bzip2:
		return bztest.Compress([]byte(text), 2000), nil
	case CSV:
		b.WriteString("line\r\n")
		for line := range linesOf(text) {
			fmt.Fprintf(&b, "\"%s\"\r\n", strings.ReplaceAll(line, `"`, `""`))
		}
		return b.Bytes(), nil
	case JSON:
		for line := range linesOf(text) {
			fmt.Fprintf(&b, `{"line":"%s"}`+"\n", base64.StdEncoding.EncodeToString([]byte(line)))
		}
		return b.Bytes(), nil
	case Parquet:
		return table(text)
	default:
		return []byte(text), nil
	}
}

// frames packs a text as zstd in frames of about a thousand bytes, wherever they end.
func frames(text string) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstd.MinWindowSize))
	if err != nil {
		return nil, err
	}
	var out []byte
	var list zframes.Table
	for len(text) > 0 {
		n, at := min(1013, len(text)), len(out)
		out = enc.EncodeAll([]byte(text[:n]), out)
		list.Add(len(out)-at, n)
		text = text[n:]
	}
	return list.Append(out), enc.Close()
}

// table is a file of Parquet of row groups of a hundred lines.
func table(text string) ([]byte, error) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "line", Type: arrow.BinaryTypes.Binary}}, nil)
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	rows := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	column := rows.Field(0).(*array.BinaryBuilder)
	flush := func() {
		if column.Len() > 0 {
			err = errors.Join(err, w.Write(rows.NewRecordBatch()))
		}
	}
	for line := range linesOf(text) {
		if column.Append([]byte(line)); column.Len() == 100 {
			flush()
		}
	}
	flush()
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}
