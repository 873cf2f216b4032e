package codec

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
)

// flat are the types of columns that can be encoded.
var flat = []arrow.DataType{
	arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32,
	arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32,
	arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Timestamp_ns,
	arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, &arrow.FixedSizeBinaryType{ByteWidth: 3},
}

// randomColumn makes a column of n values of a type: random bytes, of lengths that are none, one or a few, with zeros or
// without, with nulls or without, and cut out of a longer one.
func randomColumn(r *rand.Rand, f arrow.Field, n int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, f.Type)
	nulls, zeros, before := f.Nullable && r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(20)
	for range before + n + r.IntN(5) {
		if nulls && r.IntN(3) == 0 {
			b.AppendNull()
			continue
		}
		v := make([]byte, r.IntN(12))
		for i := range v {
			switch v[i] = byte(r.Uint32()); {
			case !zeros:
				v[i] |= 1
			case r.IntN(3) == 0:
				v[i] = 0
			}
		}
		u := r.Uint64() >> r.IntN(64)
		switch b := b.(type) {
		case *array.BooleanBuilder:
			b.Append(u&1 == 1)
		case *array.Int8Builder:
			b.Append(int8(u))
		case *array.Int16Builder:
			b.Append(int16(u))
		case *array.Int32Builder:
			b.Append(int32(u))
		case *array.Int64Builder:
			b.Append(int64(u))
		case *array.Uint8Builder:
			b.Append(uint8(u))
		case *array.Uint16Builder:
			b.Append(uint16(u))
		case *array.Uint32Builder:
			b.Append(uint32(u))
		case *array.Uint64Builder:
			b.Append(u)
		case *array.Float32Builder:
			b.Append(float32(int64(u)) / 8)
		case *array.Float64Builder:
			b.Append(float64(int64(u)) / 8)
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(u))
		case *array.FixedSizeBinaryBuilder:
			b.Append([]byte{byte(u), byte(u >> 8), 0})
		default:
			appendText(b, v)
		}
	}
	all := b.NewArray()
	return array.NewSlice(all, int64(before), int64(before+n))
}

func appendText(b array.Builder, v []byte) {
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(string(v))
	case *array.BinaryBuilder:
		b.Append(v)
	}
}

// Encoding by columns equals encoding by rows.
func TestEncoder(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		fields := make([]arrow.Field, 1+r.IntN(5))
		for i := range fields {
			fields[i] = arrow.Field{Name: "f", Type: flat[r.IntN(len(flat))], Nullable: r.IntN(2) == 0}
		}
		if seed%10 == 0 {
			fields = []arrow.Field{{Name: "f", Type: flat[12+seed/10%2]}} // raw
		}
		e, err := NewEncoder(fields)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // in memory that was used before
			n := r.IntN(50)
			cols := make([]arrow.Array, len(fields))
			for i, f := range fields {
				cols[i] = randomColumn(r, f, n)
			}
			data, off, err := e.Encode(n, cols)
			if err != nil || len(off) != n+1 {
				t.Fatalf("%d offsets of %d rows: %v", len(off), n, err)
			}
			want := newRowwise(fields, cols)
			for row := range n {
				if got, want := data[off[row]:off[row+1]], want.append(nil, row); string(got) != string(want) {
					t.Fatalf("seed %d, row %d of %v:\n got %x\nwant %x", seed, row, fields, got, want)
				}
			}
		}
	}
}

func TestEncoderRefuses(t *testing.T) {
	if _, err := NewEncoder([]arrow.Field{{Type: arrow.ListOf(arrow.PrimitiveTypes.Int8)}}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a nested column: %v", err)
	}
	const size = 32 << 20
	const columns = MaxBatch/size + 1
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	b.Append(bytes.Repeat([]byte("x"), size))
	col := b.NewArray()
	e, err := NewEncoder(slices.Repeat([]arrow.Field{{Type: arrow.BinaryTypes.Binary}}, columns))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Encode(1, slices.Repeat([]arrow.Array{col}, columns)); !errs.Is(err, errs.Invalid) {
		t.Errorf("a row above %d bytes: %v", MaxBatch, err)
	}
}

// BenchmarkEncode is the cost of a row of (int32, string).
func BenchmarkEncode(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	fields := []arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int32}, {Name: "b", Type: arrow.BinaryTypes.String}}
	const rows = 1 << 14
	paths := array.NewStringBuilder(memory.DefaultAllocator)
	for range rows {
		paths.Append("/a/path/that/is/usual"[:5+r.IntN(16)])
	}
	cols := []arrow.Array{randomColumn(r, fields[0], rows), paths.NewArray()}
	e, err := NewEncoder(fields)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("columns", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := e.Encode(rows, cols); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	})
	b.Run("rows", func(b *testing.B) {
		w, row := newRowwise(fields, cols), []byte(nil)
		for b.Loop() {
			for i := range rows {
				row = w.append(row[:0], i)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	})
}
