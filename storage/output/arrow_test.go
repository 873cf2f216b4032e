package output

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// readArrow reads a part back by its footer.
func readArrow(t *testing.T, body string) (*arrow.Schema, []arrow.RecordBatch) {
	t.Helper()
	r, err := ipc.NewFileReader(bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	var out []arrow.RecordBatch
	for i := range r.NumRecords() {
		b, err := r.RecordBatchAt(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return r.Schema(), out
}

func TestArrow(t *testing.T) {
	rows := table(t,
		[]any{"a\tb", nil, "", "\xff é"}, []any{[]byte{0, '\n'}, nil, []byte{}, []byte("x")},
		[]any{int64(math.MinInt64), nil, int64(3), int64(4)}, []any{uint8(255), uint8(0), uint8(1), nil},
		[]any{math.NaN(), math.Inf(-1), 0.1, nil}, []any{true, nil, false, true},
		[]any{time.Unix(0, 5), nil, time.Unix(7, 0), time.Unix(8, 0)})
	// Whole, a slice, nothing, and one larger than what is gathered.
	long := table(t,
		[]any{strings.Repeat("0123456789", flushAt/4)}, []any{[]byte(nil)}, []any{int64(1)}, []any{uint8(1)}, []any{1.5}, []any{true}, []any{time.Unix(1, 0)})
	batches := []arrow.RecordBatch{rows, rows.NewSlice(1, 3), rows.NewSlice(2, 2), long}
	schema, got := readArrow(t, written(t, Arrow, batches...))
	if !schema.Equal(rows.Schema()) {
		t.Errorf("columns are %v, want %v", schema, rows.Schema())
	}
	want := []arrow.RecordBatch{batches[0], batches[1], batches[3]}
	if len(got) != len(want) {
		t.Fatalf("%d batches, want %d", len(got), len(want))
	}
	for i := range want {
		if !array.RecordApproxEqual(got[i], want[i], array.WithNaNsEqual(true)) {
			t.Errorf("batch %d is\n%v, want\n%v", i, got[i], want[i])
		}
	}
}

// A part of no rows says what its columns are all the same.
func TestArrowOfNoRows(t *testing.T) {
	rows := table(t, []any{"a"}, []any{int64(1)})
	schema, got := readArrow(t, written(t, Arrow, rows.NewSlice(0, 0)))
	if !schema.Equal(rows.Schema()) || len(got) != 0 {
		t.Errorf("%v and %d batches", schema, len(got))
	}
}

// The names of a part's columns are the part's, whatever those of a batch are.
func TestArrowNamesColumns(t *testing.T) {
	rows := table(t, []any{"a"})
	other := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "other", Type: arrow.BinaryTypes.String}}, nil), rows.Columns(), 1)
	schema, got := readArrow(t, written(t, Arrow, rows, other))
	if schema.Field(0).Name != "a" || len(got) != 2 {
		t.Errorf("%v and %d batches", schema, len(got))
	}
}
