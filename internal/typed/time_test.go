package typed

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// The zero time is the least there is. It is read from whatever it was written as: by this program, and by Go's JSON.
func TestZeroTime(t *testing.T) {
	type row struct{ T time.Time }
	cols, c := compiled[row](t)
	const least = "1677-09-21T00:12:43.145224192Z" // 1<<63 ns before 1970
	got, bad := parseAll(t, cols.JSON(), c, `{"t":"`+least+`"}`+"\n"+`{"t":"0001-01-01T00:00:00Z"}`+"\n"+`{"t":"1677-09-21T00:12:43Z"}`, 99)
	if len(got) != 2 || !got[0].T.IsZero() || !got[1].T.IsZero() || len(bad) != 1 || !strings.Contains(bad[0].Error(), "before 1677") {
		t.Errorf("%v, %v", got, bad)
	}

	schema := arrow.NewSchema([]arrow.Field{{Name: "t", Type: arrow.FixedWidthTypes.Timestamp_ns}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.TimestampBuilder).Append(-1 << 63)
	b.Field(0).(*array.TimestampBuilder).Append(1<<63 - 1)
	table, err := cols.Table(schema)
	if err != nil {
		t.Fatal(err)
	}
	table.Bind(b.NewRecordBatch())
	zero, err := table.Append(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Decode(zero); err != nil || !v.T.IsZero() {
		t.Errorf("of a table: %v, %v", v, err)
	}
	if _, err := table.Append(nil, 1); err == nil {
		t.Error("the greatest, which stands for what is after 2262, was read")
	}
}
