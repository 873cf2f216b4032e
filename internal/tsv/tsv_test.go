package tsv

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
)

// plain is a row as Append must write it.
func plain(rec arrow.RecordBatch, i int) string {
	var cells []string
	for _, col := range rec.Columns() {
		cells = append(cells, plainCell(col, i))
	}
	return strings.Join(cells, "\t") + "\n"
}

func plainCell(col arrow.Array, i int) string {
	if col.IsNull(i) {
		return `\N`
	}
	escape := strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`, `\`, `\\`).Replace
	switch c := col.(type) {
	case *array.String:
		return escape(c.Value(i))
	case *array.Binary:
		return escape(string(c.Value(i)))
	case *array.Timestamp:
		return c.Value(i).ToTime(c.DataType().(*arrow.TimestampType).Unit).UTC().Format(time.RFC3339Nano)
	case *array.Float64:
		return strconv.FormatFloat(c.Value(i), 'g', -1, 64)
	case *array.Float32:
		return strconv.FormatFloat(float64(c.Value(i)), 'g', -1, 32)
	}
	return col.ValueStr(i) // integers and bools
}

var types = []arrow.DataType{
	arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16,
	arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16,
	arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
	arrow.FixedWidthTypes.Boolean, arrow.FixedWidthTypes.Timestamp_ns, arrow.FixedWidthTypes.Timestamp_s,
}

// random makes a column of n values, cut out of a longer one, with nulls or not, in need of escapes or not.
func random(r *rand.Rand, typ arrow.DataType, n int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, typ)
	nulls, letters, before := r.IntN(2), "abcdefgh"[:1+r.IntN(8)], r.IntN(9)
	if r.IntN(2) == 0 {
		letters = "a\t\n\r\\\x00\xffé"
	}
	for range before + n + r.IntN(9) {
		if r.IntN(4) < nulls {
			b.AppendNull()
			continue
		}
		u := r.Uint64() >> r.IntN(64)
		f := math.Float64frombits(r.Uint64())
		if r.IntN(2) == 0 {
			f = float64(int64(u)) / float64(int(1)<<r.IntN(4))
		}
		s := make([]byte, r.IntN(40))
		for i := range s {
			s[i] = letters[r.IntN(len(letters))]
		}
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(string(s))
		case *array.BinaryBuilder:
			b.Append(s)
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
			b.Append(float32(f))
		case *array.Float64Builder:
			b.Append(f)
		case *array.BooleanBuilder:
			b.Append(u&1 == 1)
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(u))
		}
	}
	return array.NewSlice(b.NewArray(), int64(before), int64(before+n))
}

func TestRowsEqualThePlainOnes(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := r.IntN(100)
		var fields []arrow.Field
		var cols []arrow.Array
		for i := range 1 + r.IntN(5) {
			typ := types[r.IntN(len(types))]
			fields = append(fields, arrow.Field{Name: fmt.Sprint(i), Type: typ, Nullable: true})
			cols = append(cols, random(r, typ, n))
		}
		schema := arrow.NewSchema(fields, nil)
		if err := Check(schema); err != nil {
			t.Fatal(err)
		}
		rec := array.NewRecordBatch(schema, cols, int64(n))
		want := ""
		for i := range n {
			want += plain(rec, i)
		}
		if got := string(Append([]byte("before "), rec)); got != "before "+want {
			t.Fatalf("seed %d, %v:\n got %q\nwant %q", seed, fields, got, want)
		}
		rows, got := NewRows(rec), []byte(nil)
		most := r.IntN(2000)
		for at := 0; at < rows.Len(); {
			before, first := len(got), at
			got, at = rows.Append(got, at, most)
			if at > first+1 && len(got)-before > most {
				t.Fatalf("%d bytes of %d rows, with %d at most", len(got)-before, at-first, most)
			}
		}
		if string(got) != want {
			t.Fatalf("seed %d, %v, %d bytes at a time:\n got %q\nwant %q", seed, fields, most, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	check := func(v uint64) {
		var b [maxCell]byte
		if got, want := string(b[:putUint(b[:], v)]), strconv.FormatUint(v, 10); got != want {
			t.Fatalf("%s is written %s", want, got)
		}
		if got, want := string(b[:putInt(b[:], int64(v))]), strconv.FormatInt(int64(v), 10); got != want {
			t.Fatalf("%s is written %s", want, got)
		}
		for _, f := range []float64{float64(v), -float64(v), math.Float64frombits(v), float64(v) / 4} {
			for _, size := range []int{32, 64} {
				if size == 32 {
					f = float64(float32(f))
				}
				if got, want := string(b[:putFloat(b[:], f, size)]), strconv.FormatFloat(f, 'g', -1, size); got != want {
					t.Fatalf("%s is written %s", want, got)
				}
			}
		}
	}
	for p := uint64(1); ; p *= 10 {
		for d := range uint64(5) {
			check(p + d - 2)
		}
		if p > math.MaxUint64/10 {
			break
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		check(r.Uint64() >> r.IntN(64))
	}
	check(0)
	check(math.MaxUint64)
	check(1 << 63)
}

// A row larger than what is written at once gets no more room than it needs.
func TestLargeRow(t *testing.T) {
	long := strings.Repeat("0123456789\n", 1<<18)
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues([]string{"a", long, "b"}, nil)
	rec := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{b.NewArray()}, 3)
	got := Append(nil, rec)
	if want := "a\n" + strings.ReplaceAll(long, "\n", `\n`) + "\nb\n"; string(got) != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if cap(got) > len(got)*5/4+1<<20 {
		t.Errorf("%d bytes lie in %d", len(got), cap(got))
	}
}

func TestCheck(t *testing.T) {
	err := Check(arrow.NewSchema([]arrow.Field{{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String)}}, nil))
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "tags") {
		t.Errorf("a list: %v", err)
	}
}

// unescape is the inverse of putEscaped.
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(s)
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "plain", "\t\n\r\\", `\t`, `\\n`, "\xff\x00", `\N`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		dst := make([]byte, 2*len(s))
		got := string(dst[:putEscaped(dst, []byte(s))])
		if unescape(got) != s {
			t.Errorf("%q became %q", s, got)
		}
		if strings.ContainsAny(got, "\t\n\r") || got == `\N` {
			t.Errorf("%q is not safe: %q", s, got)
		}
		if needsEscape([]byte(s)) != (got != s) || countEscapes([]byte(s)) != len(got)-len(s) {
			t.Errorf("needsEscape(%q) %v, %d escapes", s, needsEscape([]byte(s)), countEscapes([]byte(s)))
		}
	})
}

// BenchmarkRows writes rows of a word and a number, and of all kinds.
func BenchmarkRows(b *testing.B) {
	const n = 8 << 10
	words, counts := array.NewStringBuilder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	floats, times := array.NewFloat64Builder(memory.DefaultAllocator), array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Nanosecond})
	paths := array.NewStringBuilder(memory.DefaultAllocator)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		words.Append(strings.Repeat("w", 3+i%9))
		counts.Append(int64(i * i))
		floats.Append(r.ExpFloat64())
		times.Append(arrow.Timestamp(1_400_000_000_000_000_000 + r.Int64N(1e18)))
		paths.Append(`C:\a\path` + "\t")
	}
	for name, cols := range map[string][]arrow.Array{
		"word-count":  {words.NewStringArray(), counts.NewInt64Array()},
		"floats":      {floats.NewArray()},
		"times":       {times.NewArray()},
		"with-escape": {paths.NewArray()},
	} {
		b.Run(name, func(b *testing.B) {
			var fields []arrow.Field
			for i, c := range cols {
				fields = append(fields, arrow.Field{Name: fmt.Sprint(i), Type: c.DataType()})
			}
			rec := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, n)
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = Append(buf[:0], rec)
				b.SetBytes(int64(len(buf)))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			if bytes.Count(buf, []byte("\n")) != n {
				b.Fatal("rows are missing")
			}
		})
	}
}
