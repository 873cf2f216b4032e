package cells

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
)

// batch makes a batch of one column.
func batch(typ arrow.DataType, fill func(array.Builder)) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "c", Type: typ, Nullable: true}}, nil))
	fill(b.Field(0))
	b.Field(0).AppendNull()
	return b.NewRecordBatch()
}

// The extremes of each type, the same in a slice of the batch.
func TestExtremes(t *testing.T) {
	at := time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
	for _, c := range []struct {
		typ  arrow.DataType
		fill func(array.Builder)
		kind Kind
		want []string
	}{
		{arrow.PrimitiveTypes.Int8, func(b array.Builder) { b.(*array.Int8Builder).AppendValues([]int8{-128, 127}, nil) }, Number, []string{"-128", "127"}},
		{arrow.PrimitiveTypes.Int16, func(b array.Builder) {
			b.(*array.Int16Builder).AppendValues([]int16{math.MinInt16, 1}, nil)
		}, Number, []string{"-32768", "1"}},
		{arrow.PrimitiveTypes.Int32, func(b array.Builder) {
			b.(*array.Int32Builder).AppendValues([]int32{math.MinInt32, 1}, nil)
		}, Number, []string{"-2147483648", "1"}},
		{arrow.PrimitiveTypes.Int64, func(b array.Builder) {
			b.(*array.Int64Builder).AppendValues([]int64{math.MinInt64, math.MaxInt64}, nil)
		}, Number, []string{"-9223372036854775808", "9223372036854775807"}},
		{arrow.PrimitiveTypes.Uint8, func(b array.Builder) { b.(*array.Uint8Builder).AppendValues([]uint8{0, 255}, nil) }, Number, []string{"0", "255"}},
		{arrow.PrimitiveTypes.Uint16, func(b array.Builder) { b.(*array.Uint16Builder).AppendValues([]uint16{0, 65535}, nil) }, Number, []string{"0", "65535"}},
		{arrow.PrimitiveTypes.Uint32, func(b array.Builder) {
			b.(*array.Uint32Builder).AppendValues([]uint32{0, math.MaxUint32}, nil)
		}, Number, []string{"0", "4294967295"}},
		{arrow.PrimitiveTypes.Uint64, func(b array.Builder) {
			b.(*array.Uint64Builder).AppendValues([]uint64{0, math.MaxUint64}, nil)
		}, Number, []string{"0", "18446744073709551615"}},
		{arrow.PrimitiveTypes.Float32, func(b array.Builder) { b.(*array.Float32Builder).AppendValues([]float32{0.1, -0.5}, nil) }, Float, []string{"0.1", "-0.5"}},
		{arrow.PrimitiveTypes.Float64, func(b array.Builder) {
			b.(*array.Float64Builder).AppendValues([]float64{math.NaN(), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64}, nil)
		}, Float, []string{"NaN", "-Inf", "-0", "5e-324"}},
		{arrow.FixedWidthTypes.Boolean, func(b array.Builder) { b.(*array.BooleanBuilder).AppendValues([]bool{true, false}, nil) }, Bool, []string{"true", "false"}},
		{arrow.FixedWidthTypes.Timestamp_ms, func(b array.Builder) {
			b.(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{arrow.Timestamp(at.UnixMilli()), 0}, nil)
		}, Time, []string{"9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z"}},
		{arrow.BinaryTypes.String, func(b array.Builder) { b.(*array.StringBuilder).AppendValues([]string{"", "\x00\xff", "é"}, nil) }, Text, []string{"", "\x00\xff", "é"}},
		{arrow.BinaryTypes.Binary, func(b array.Builder) { b.(*array.BinaryBuilder).AppendValues([][]byte{{}, {0, 255}}, nil) }, Bytes, []string{"", "\x00\xff"}},
	} {
		rec := batch(c.typ, c.fill)
		if err := Check(rec.Schema(), "csv"); err != nil {
			t.Error(err)
		}
		for from := range rec.NumRows() {
			part := rec.NewSlice(from, rec.NumRows())
			col := &Columns(part)[0]
			var got []string
			for row := range int(part.NumRows()) {
				switch {
				case col.Null(row):
					got = append(got, "null")
				case col.Kind == Text || col.Kind == Bytes:
					got = append(got, string(col.Bytes(row)))
				default:
					got = append(got, string(col.Append(nil, row)))
				}
			}
			want := append(append([]string(nil), c.want[from:]...), "null")
			if col.Kind != c.kind || strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%v from %d: %q, want %q", c.typ, from, got, want)
			}
		}
	}
}

// Floats read back as they were, whatever their bits.
func TestFloatsReadBack(t *testing.T) {
	var in []float64
	for i := uint64(1); i != 0; i <<= 1 {
		in = append(in, math.Float64frombits(i), math.Float64frombits(^i), float64(i), float64(i)+0.1)
	}
	rec := batch(arrow.PrimitiveTypes.Float64, func(b array.Builder) { b.(*array.Float64Builder).AppendValues(in, nil) })
	col := &Columns(rec)[0]
	for i, v := range in {
		got, err := strconv.ParseFloat(string(col.Append(nil, i)), 64)
		if err != nil || got != v && !(math.IsNaN(got) && math.IsNaN(v)) {
			t.Errorf("%v became %v, %v", v, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	field := func(name string, typ arrow.DataType) arrow.Field { return arrow.Field{Name: name, Type: typ} }
	for want, schema := range map[string]*arrow.Schema{
		"without columns": arrow.NewSchema(nil, nil),
		"two columns": arrow.NewSchema([]arrow.Field{
			field("same", arrow.PrimitiveTypes.Int8), field("same", arrow.PrimitiveTypes.Int8)}, nil),
		"its type date32": arrow.NewSchema([]arrow.Field{field("day", arrow.FixedWidthTypes.Date32)}, nil),
	} {
		if err := Check(schema, "csv"); !errs.Is(err, errs.Invalid) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v", err)
		}
	}
}
