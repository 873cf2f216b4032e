package tsv

import (
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestAppendRow(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Type: arrow.BinaryTypes.String}, {Type: arrow.BinaryTypes.Binary}, {Type: arrow.PrimitiveTypes.Int64}, {Type: arrow.PrimitiveTypes.Uint8},
		{Type: arrow.PrimitiveTypes.Float64}, {Type: arrow.PrimitiveTypes.Float32}, {Type: arrow.FixedWidthTypes.Boolean},
		{Type: arrow.FixedWidthTypes.Timestamp_ns}, {Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil))
	b.Field(0).(*array.StringBuilder).Append("a\tb\\c\nd\re\xff é")
	b.Field(1).(*array.BinaryBuilder).Append([]byte{0, '\t'})
	b.Field(2).(*array.Int64Builder).Append(math.MinInt64)
	b.Field(3).(*array.Uint8Builder).Append(255)
	b.Field(4).(*array.Float64Builder).Append(0.1)
	b.Field(5).(*array.Float32Builder).Append(float32(math.Inf(1)))
	b.Field(6).(*array.BooleanBuilder).Append(true)
	b.Field(7).(*array.TimestampBuilder).Append(arrow.Timestamp(time.Date(2015, 5, 17, 10, 0, 0, 5, time.UTC).UnixNano()))
	b.Field(8).AppendNull()
	got := string(AppendRow(nil, b.NewRecordBatch(), 0))
	want := "a\\tb\\\\c\\nd\\re\xff é\t\x00\\t\t-9223372036854775808\t255\t0.1\t+Inf\ttrue\t2015-05-17T10:00:00.000000005Z\t\\N\n"
	if got != want {
		t.Errorf("row is\n%q, want\n%q", got, want)
	}
}
