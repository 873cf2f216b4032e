package dataset

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
)

// BenchmarkTables reads words and numbers as rows; "library" is what decoding Parquet alone takes, with no rows made.
func BenchmarkTables(b *testing.B) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "name", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	const n = 1 << 18
	var values int64
	var batches []arrow.RecordBatch
	for range 4 {
		build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range n {
			word := fmt.Sprintf("some-word-%d", i*7919%n)
			build.Field(0).(*array.StringBuilder).Append(word)
			build.Field(1).(*array.Int64Builder).Append(int64(i))
			values += int64(len(word)) + 8
		}
		batches = append(batches, build.NewRecordBatch())
	}
	files := tables(b, schema, batches)
	store := newBucket(files)
	c, err := codec.For[person]()
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 0, DefaultBatch)
	off := make([]int32, 0, DefaultBatch/16)
	for _, key := range []string{"a.parquet", "b.arrow"} {
		b.Run(key, func(b *testing.B) {
			b.SetBytes(values)
			for b.Loop() {
				o := store.object(b, key)
				s := Split{Pieces: []Piece{{URI: o.URI, Size: o.Size, Version: o.Version, Len: o.Size}}, Bytes: o.Size}
				r, err := OpenRows(b.Context(), store, s, Options{Format: "auto", Buffer: func(int) *rows.Records { return &rows.Records{Data: buffer, Off: off} }}, c.Fields())
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = r.Next(b.Context())
				}
				if err != io.EOF || r.Close() != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("library", func(b *testing.B) {
		b.SetBytes(values)
		for b.Loop() {
			f, err := file.NewParquetReader(bytes.NewReader([]byte(files["a.parquet"])))
			if err != nil {
				b.Fatal(err)
			}
			a, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: tableRows}, memory.DefaultAllocator)
			if err != nil {
				b.Fatal(err)
			}
			r, err := a.GetRecordReader(b.Context(), nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			for r.Next() {
			}
			r.Release()
		}
	})
}
