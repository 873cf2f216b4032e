package output

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage/mem"
)

// readParquet reads a part back.
func readParquet(t *testing.T, body string) (*file.Reader, arrow.Table) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := a.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r, table
}

// sameColumns compares names and types.
func sameColumns(a, b *arrow.Schema) bool {
	return slices.EqualFunc(a.Fields(), b.Fields(), func(f, g arrow.Field) bool {
		return f.Name == g.Name && f.Nullable == g.Nullable && arrow.TypeEqual(f.Type, g.Type)
	})
}

// extremes has a column of each type and rows of what formats stumble over.
func extremes(t testing.TB) arrow.RecordBatch {
	return table(t,
		[]any{"", nil, "é\x00\t\n", strings.Repeat("long", 300_000)}, []any{[]byte{0, 255}, nil, []byte{}, []byte("x")},
		[]any{int8(-128), nil, int8(0), int8(127)}, []any{int16(math.MinInt16), nil, int16(0), int16(math.MaxInt16)},
		[]any{int32(math.MinInt32), nil, int32(0), int32(math.MaxInt32)}, []any{int64(math.MinInt64), nil, int64(0), int64(math.MaxInt64)},
		[]any{uint8(255), nil, uint8(0), uint8(1)}, []any{uint16(65535), nil, uint16(0), uint16(1)},
		[]any{uint32(math.MaxUint32), nil, uint32(0), uint32(1)}, []any{uint64(math.MaxUint64), nil, uint64(0), uint64(1)},
		[]any{float32(math.Inf(1)), nil, float32(0.1), float32(-1)}, []any{math.NaN(), nil, math.Copysign(0, -1), math.MaxFloat64},
		[]any{true, nil, false, true}, []any{time.Unix(0, 1), nil, time.Unix(-1, 0), time.Unix(1, 0)})
}

// Every value and type is read back as it was.
func TestParquet(t *testing.T) {
	rows := extremes(t)
	body := written(t, Parquet, rows, rows.NewSlice(1, 3), rows.NewSlice(0, 0))
	r, got := readParquet(t, body)
	if !sameColumns(got.Schema(), rows.Schema()) {
		t.Errorf("columns are %v, want %v", got.Schema(), rows.Schema())
	}
	if got.NumRows() != 6 {
		t.Fatalf("%d rows", got.NumRows())
	}
	want := array.NewTableFromRecords(rows.Schema(), []arrow.RecordBatch{rows, rows.NewSlice(1, 3)})
	for i := range int(got.NumCols()) {
		whole := func(c *arrow.Column) arrow.Array {
			a, err := array.Concatenate(c.Data().Chunks(), memory.DefaultAllocator)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a, b := whole(got.Column(i)), whole(want.Column(i))
		if !array.ApproxEqual(a, b, array.WithNaNsEqual(true)) {
			t.Errorf("column %s is %v, want %v", got.Column(i).Name(), a, b)
		}
	}
	if z := whole64(got.Column(11)); !math.Signbit(z[2]) || z[2] != 0 {
		t.Errorf("-0 became %v", z[2])
	}
	for i := range r.MetaData().NumColumns() {
		c, err := r.RowGroup(0).MetaData().ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		if c.Compression() != compress.Codecs.Zstd {
			t.Errorf("column %d is compressed with %v", i, c.Compression())
		}
	}
	// The library lists in the footer how many pages have each encoding, in the order of a map; all else is the same.
	again := written(t, Parquet, rows, rows.NewSlice(1, 3), rows.NewSlice(0, 0))
	at, foot := footer(body)
	if atAgain, footAgain := footer(again); at != atAgain || body[:at] != again[:at] || foot != footAgain {
		t.Error("the same rows gave other bytes")
	}
}

// footer is where the footer of a file begins, and its bytes, sorted.
func footer(body string) (at int, sorted string) {
	const end = 8 // the footer's length and the magic bytes
	at = len(body) - end - int(binary.LittleEndian.Uint32([]byte(body[len(body)-end:])))
	b := []byte(body[at:])
	slices.Sort(b)
	return at, string(b)
}

// whole64 is the first chunk of a column of floats.
func whole64(c *arrow.Column) []float64 { return c.Data().Chunk(0).(*array.Float64).Float64Values() }

// Readers skip row groups by these.
func TestParquetStatistics(t *testing.T) {
	rows := table(t, []any{"m", nil, "b"}, []any{int64(5), int64(-7), nil}, []any{math.NaN(), 2.5, -1.5})
	r, _ := readParquet(t, written(t, Parquet, rows))
	g := r.RowGroup(0).MetaData()
	stats := func(i int) metadata.TypedStatistics {
		c, err := g.ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Statistics()
		if err != nil || s == nil || !s.HasMinMax() {
			t.Fatalf("column %d: %v, %v", i, s, err)
		}
		return s
	}
	if s := stats(0).(*metadata.ByteArrayStatistics); string(s.Min()) != "b" || string(s.Max()) != "m" || s.NullCount() != 1 {
		t.Errorf("%q to %q, %d null", s.Min(), s.Max(), s.NullCount())
	}
	if s := stats(1).(*metadata.Int64Statistics); s.Min() != -7 || s.Max() != 5 || s.NullCount() != 1 {
		t.Errorf("%d to %d, %d null", s.Min(), s.Max(), s.NullCount())
	}
	if s := stats(2).(*metadata.Float64Statistics); s.Min() != -1.5 || s.Max() != 2.5 {
		t.Errorf("%v to %v", s.Min(), s.Max())
	}
}

// A part of no rows says what its columns are all the same.
func TestParquetOfNoRows(t *testing.T) {
	rows := table(t, []any{"a"}, []any{int64(1)})
	if _, got := readParquet(t, written(t, Parquet, rows.NewSlice(0, 0))); !sameColumns(got.Schema(), rows.Schema()) || got.NumRows() != 0 {
		t.Errorf("%v, %d rows", got.Schema(), got.NumRows())
	}
}

// Row groups end by their bytes, which is what holding one costs.
func TestParquetRowGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	blob := make([]byte, groupBytes/4)
	for i := range blob {
		blob[i] = byte(r.Uint32())
	}
	rows := table(t, []any{blob})
	f, got := readParquet(t, written(t, Parquet, rows, rows, rows, rows, rows))
	if f.NumRowGroups() != 2 || f.RowGroup(0).NumRows() != 4 || got.NumRows() != 5 {
		t.Errorf("%d row groups, %d rows in all", f.NumRowGroups(), got.NumRows())
	}
	if f, _ := readParquet(t, written(t, Parquet, rows, rows, rows, rows)); f.NumRowGroups() != 1 {
		t.Errorf("%d row groups of one that is full", f.NumRowGroups())
	}
}

func TestParquetRefuses(t *testing.T) {
	for _, rows := range []arrow.RecordBatch{table(t, []any{"\xc3", "\xa9"}), table(t, []any{"ok", nil, "\xff"})} {
		p, err := NewPart(t.Context(), mem.New(), "k", Parquet, rows.Schema(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(rows); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "column a: the text") {
			t.Errorf("%v", err)
		}
		if err := p.Abort(); err != nil {
			t.Error(err)
		}
	}
}
