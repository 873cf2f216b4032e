package output

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

// table makes a batch of the columns given, each a slice whose nil elements are null.
func table(t testing.TB, cols ...[]any) arrow.RecordBatch {
	t.Helper()
	var fields []arrow.Field
	for i, col := range cols {
		var typ arrow.DataType
		for _, v := range col {
			switch v.(type) {
			case int8:
				typ = arrow.PrimitiveTypes.Int8
			case int16:
				typ = arrow.PrimitiveTypes.Int16
			case int32:
				typ = arrow.PrimitiveTypes.Int32
			case int64:
				typ = arrow.PrimitiveTypes.Int64
			case uint8:
				typ = arrow.PrimitiveTypes.Uint8
			case uint16:
				typ = arrow.PrimitiveTypes.Uint16
			case uint32:
				typ = arrow.PrimitiveTypes.Uint32
			case uint64:
				typ = arrow.PrimitiveTypes.Uint64
			case float32:
				typ = arrow.PrimitiveTypes.Float32
			case float64:
				typ = arrow.PrimitiveTypes.Float64
			case bool:
				typ = arrow.FixedWidthTypes.Boolean
			case time.Time:
				typ = arrow.FixedWidthTypes.Timestamp_ns
			case string:
				typ = arrow.BinaryTypes.String
			case []byte:
				typ = arrow.BinaryTypes.Binary
			}
		}
		fields = append(fields, arrow.Field{Name: string(rune('a' + i)), Type: typ, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for i, col := range cols {
		for _, v := range col {
			appendTo(b.Field(i), v)
		}
	}
	return b.NewRecordBatch()
}

func appendTo(b array.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.AppendNull()
	case int8:
		b.(*array.Int8Builder).Append(v)
	case int16:
		b.(*array.Int16Builder).Append(v)
	case int32:
		b.(*array.Int32Builder).Append(v)
	case int64:
		b.(*array.Int64Builder).Append(v)
	case uint8:
		b.(*array.Uint8Builder).Append(v)
	case uint16:
		b.(*array.Uint16Builder).Append(v)
	case uint32:
		b.(*array.Uint32Builder).Append(v)
	case uint64:
		b.(*array.Uint64Builder).Append(v)
	case float32:
		b.(*array.Float32Builder).Append(v)
	case float64:
		b.(*array.Float64Builder).Append(v)
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	case time.Time:
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixNano()))
	case string:
		b.(*array.StringBuilder).Append(v)
	case []byte:
		b.(*array.BinaryBuilder).Append(v)
	}
}

// written stages and publishes a part of the batches and returns its bytes.
func written(t *testing.T, f Format, batches ...arrow.RecordBatch) string {
	t.Helper()
	store := mem.New()
	key := PartName(0, f)
	p, err := NewPart(t.Context(), store, key, f, batches[0].Schema(), map[string]string{"attempt": "1"})
	if err != nil {
		t.Fatal(err)
	}
	rows := int64(0)
	for _, b := range batches {
		rows += b.NumRows()
		if err := p.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	s, err := p.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), key); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("a staged part is visible: %v", err)
	}
	if err := Publish(t.Context(), store, []Staged{s}); err != nil {
		t.Fatal(err)
	}
	r, info, err := store.Open(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if s.Key != key || s.Rows != rows || s.Bytes != int64(len(body)) || s.CRC != crc32.Checksum(body, castagnoli) || info.Meta["attempt"] != "1" {
		t.Errorf("%+v, meta %v, of %d rows in %d bytes", s, info.Meta, rows, len(body))
	}
	return string(body)
}

func TestTSV(t *testing.T) {
	at := time.Date(2026, 2, 28, 23, 59, 59, 123456789, time.FixedZone("", 3600))
	for _, c := range []struct {
		col  []any
		want string
	}{
		{[]any{int8(-128), int8(127), nil}, "-128 127 \\N"},
		{[]any{int16(math.MinInt16), int16(7)}, "-32768 7"},
		{[]any{int32(math.MinInt32), int32(0)}, "-2147483648 0"},
		{[]any{int64(math.MinInt64), int64(math.MaxInt64)}, "-9223372036854775808 9223372036854775807"},
		{[]any{uint8(255)}, "255"},
		{[]any{uint16(65535)}, "65535"},
		{[]any{uint32(math.MaxUint32)}, "4294967295"},
		{[]any{uint64(math.MaxUint64)}, "18446744073709551615"},
		{[]any{float32(0.1), float32(math.Inf(1))}, "0.1 +Inf"},
		{[]any{0.1, 1.0, 1e6, 1e-7, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64, nil},
			"0.1 1 1e+06 1e-07 NaN +Inf -Inf -0 1.7976931348623157e+308 \\N"},
		{[]any{true, nil, false}, "true \\N false"},
		{[]any{at, time.Unix(0, 0), at.Truncate(time.Second)}, "2026-02-28T22:59:59.123456789Z 1970-01-01T00:00:00Z 2026-02-28T22:59:59Z"},
		{[]any{"plain", "", nil, `\N`}, `plain  \N \\N`},
		{[]any{"a\tb\nc\rd\\e", "\\", "é\x00"}, `a\tb\nc\rd\\e \\ ` + "é\x00"},
		{[]any{[]byte("\xff\xfe\t"), []byte{}, nil}, "\xff\xfe\\t  \\N"},
		{[]any{`{"k":"a\tb"}`}, `{"k":"a\\tb"}`},
	} {
		got := written(t, TSV, table(t, c.col))
		if got != strings.ReplaceAll(c.want, " ", "\n")+"\n" {
			t.Errorf("%v:\n got %q\nwant %q", c.col, got, c.want)
		}
	}
	rows := table(t, []any{"x", "y", "z"}, []any{int64(1), nil, int64(3)}, []any{true, false, nil})
	if got, want := written(t, "", rows), "x\t1\ttrue\ny\t\\N\tfalse\nz\t3\t\\N\n"; got != want {
		t.Errorf("rows: %q", got)
	}
	if got, want := written(t, TSV, rows.NewSlice(1, 3), rows.NewSlice(0, 0), rows.NewSlice(0, 1)), "y\t\\N\tfalse\nz\t3\t\\N\nx\t1\ttrue\n"; got != want {
		t.Errorf("slices: %q", got)
	}
}

func TestRecords(t *testing.T) {
	rows := table(t, []any{int64(1), int64(2), int64(3)}, []any{"ab", nil, "c\n\t"})
	if got := written(t, Records, rows); got != "abc\n\t" {
		t.Errorf("%q", got)
	}
	if got := written(t, Records, rows.NewSlice(2, 3), rows.NewSlice(0, 1)); got != "c\n\tab" {
		t.Errorf("%q", got)
	}
}

// Rows larger than any buffer, and many of them, arrive whole.
func TestLargeRows(t *testing.T) {
	long := strings.Repeat("0123456789\n", keepAtMost/10)
	b := table(t, []any{long, "short", long})
	if got := written(t, Records, b); got != long+"short"+long {
		t.Errorf("records: %d bytes", len(got))
	}
	escaped := strings.ReplaceAll(long, "\n", `\n`)
	if got := written(t, TSV, b, b); got != strings.Repeat(escaped+"\nshort\n"+escaped+"\n", 2) {
		t.Errorf("tsv: %d bytes", len(got))
	}
}

func TestEmptyPart(t *testing.T) {
	store := mem.New()
	p, err := NewPart(t.Context(), store, "part-00000.tsv", TSV, arrow.NewSchema(nil, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Stage(t.Context())
	if err != nil || s.Rows != 0 || s.Bytes != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := Publish(t.Context(), store, []Staged{s}); err != nil {
		t.Fatal(err)
	}
	if info, err := store.Stat(t.Context(), s.Key); err != nil || info.Size != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := p.Stage(t.Context()); err == nil {
		t.Error("a part was staged twice")
	}
	if err := p.Abort(); err != nil {
		t.Error(err)
	}
}

func TestPartRefuses(t *testing.T) {
	field := func(typ arrow.DataType) *arrow.Schema {
		return arrow.NewSchema([]arrow.Field{{Name: "col", Type: typ}}, nil)
	}
	for _, c := range []struct {
		f      Format
		schema *arrow.Schema
	}{
		{"xml", field(arrow.BinaryTypes.String)},
		{TSV, field(arrow.ListOf(arrow.BinaryTypes.String))},
		{Records, field(arrow.PrimitiveTypes.Int64)},
		{Records, arrow.NewSchema(nil, nil)},
	} {
		if _, err := NewPart(t.Context(), mem.New(), "k", c.f, c.schema, nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s %v: %v", c.f, c.schema, err)
		}
	}
	p, err := NewPart(t.Context(), mem.New(), "k", TSV, field(arrow.BinaryTypes.String), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(table(t, []any{int64(1)})); !errs.Is(err, errs.Invalid) {
		t.Errorf("rows of another kind: %v", err)
	}
	if _, err := p.Stage(t.Context()); !errs.Is(err, errs.Invalid) {
		t.Errorf("a part with a hole was staged: %v", err)
	}
}

// broken is a store whose streams take no bytes.
type broken struct {
	*mem.Store
	aborted bool
}

func (b *broken) Create(context.Context, string, map[string]string) (storage.Writer, error) {
	return b, nil
}
func (b *broken) Write([]byte) (int, error)                    { return 0, errs.New(errs.Unavailable, "full") }
func (b *broken) Stage(context.Context) (storage.Token, error) { return "", errors.New("staged") }
func (b *broken) Abort() error                                 { b.aborted = true; return nil }

func TestPartKeepsItsError(t *testing.T) {
	store := &broken{}
	long := table(t, []any{strings.Repeat("x", flushAt)})
	p, err := NewPart(t.Context(), store, "k", TSV, long.Schema(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Write(long); !errs.Is(err, errs.Unavailable) {
			t.Errorf("%v", err)
		}
	}
	if _, err := p.Stage(t.Context()); !errs.Is(err, errs.Unavailable) || !store.aborted {
		t.Errorf("%v, aborted %v", err, store.aborted)
	}
}

// BenchmarkPart writes rows of a word and a number, to a store that takes anything.
func BenchmarkPart(b *testing.B) {
	var words, counts []any
	for i := range 8 << 10 {
		words = append(words, strings.Repeat("w", 3+i%9))
		counts = append(counts, int64(i*i))
	}
	batch := table(b, words, counts)
	for _, f := range []Format{TSV, CSV, JSONL, Arrow, Parquet, "tsv.gz", "tsv.zst"} {
		b.Run(string(f), func(b *testing.B) {
			p, err := NewPart(b.Context(), nowhere{}, "k", f, batch.Schema(), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Write(batch); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(p.bytes / int64(b.N))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(8<<10), "ns/row")
		})
	}
}

// nowhere is a store that takes anything and keeps nothing.
type nowhere struct{ storage.Store }

func (s nowhere) Create(context.Context, string, map[string]string) (storage.Writer, error) {
	return s, nil
}
func (nowhere) Write(b []byte) (int, error)                  { return len(b), nil }
func (nowhere) Stage(context.Context) (storage.Token, error) { return "", nil }
func (nowhere) Abort() error                                 { return nil }
