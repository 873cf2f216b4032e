package codec

import (
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// decodeRow runs a value through the dynamic decoder and gives its columns as text.
func decodeRow[T any](t testing.TB, v T) []string {
	t.Helper()
	c, err := For[T]()
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder(c.Fields())
	if err != nil {
		t.Fatal(err)
	}
	b := d.NewBuilder()
	if err := b.Append(c.Append(nil, v)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, col := range b.Take(nil) {
		if want := OutputField(c.Fields()[i]).Type; !arrow.TypeEqual(col.DataType(), want) {
			t.Errorf("column %d is %v, want %v", i, col.DataType(), want)
		}
		out = append(out, col.ValueStr(0))
	}
	return out
}

func TestDecoder(t *testing.T) {
	n := int32(-5)
	got := decodeRow(t, everything{
		Bool: true, I8: -1, I16: -300, I32: math.MinInt32, I64: math.MaxInt64, I: -1, U8: 255, U16: 65535, U32: 7, U64: math.MaxUint64, U: 3,
		F32: -1.5, F64: 0.1, S: "a\x00b", B: []byte("raw"), T: time.Date(2015, 5, 17, 10, 5, 3, 7, time.UTC),
		Arr: [2]string{"x", "<&>"}, ID: [4]byte{1, 2, 3, 4}, In: inner{A: "q\"", B: &n},
	})
	want := []string{
		"true", "-1", "-300", "-2147483648", "9223372036854775807", "-1", "255", "65535", "7", "18446744073709551615", "3",
		"-1.5", "0.1", "a\x00b", "cmF3", "2015-05-17T10:05:03.000000007Z", "(null)", `["x","<&>"]`, "AQIDBA==", `{"a":"q\"","b":-5}`,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("column %d is %s, want %s", i, got[i], want[i])
		}
	}
}

func TestDecoderNested(t *testing.T) {
	got := decodeRow(t, nested{
		List: []int64{3, -1}, Rows: []inner{{A: "z"}}, Deep: [][]string{nil, {"a"}},
		Map: map[string]int{"b": 2, "a": 1}, Codes: map[int8][]string{-1: {"m"}, 10: nil},
	})
	want := []string{`[3,-1]`, `[{"a":"z","b":null}]`, `[[],["a"]]`, `{"a":1,"b":2}`, `{"-1":["m"],"10":[]}`}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("column %d is %s, want %s", i, got[i], want[i])
		}
	}
	if got := decodeRow(t, []float64{math.NaN(), math.Inf(-1), 2})[0]; got != `["NaN","-Inf",2]` {
		t.Errorf("floats are %s", got)
	}
	f := OutputField(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)})
	if v, _ := f.Metadata.GetValue(JSONKey); v != "1" {
		t.Error("a nested column is not marked as JSON")
	}
}

// The engine's folds over bytes equal the folds over values.
func TestFolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		foldInts(t, rapid.Int64())
		foldInts(t, rapid.Int32())
		foldInts(t, rapid.Int16())
		foldInts(t, rapid.Int8())
		foldInts(t, rapid.Uint64())
		foldInts(t, rapid.Uint16())
		foldInts(t, rapid.Uint8())
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if got := fold(t, pluginv1.Stage_FOLD_SUM, a, b); got != a+b && a+b == a+b {
			t.Fatalf("%v + %v is %v", a, b, got)
		}
		if got := fold(t, pluginv1.Stage_FOLD_MIN, a, b); got != min(a, b) {
			t.Fatalf("min %v %v is %v", a, b, got)
		}
		c, d := rapid.Float32().Draw(t, "c"), rapid.Float32().Draw(t, "d")
		if got := fold(t, pluginv1.Stage_FOLD_SUM, c, d); got != c+d && c+d == c+d {
			t.Fatalf("%v + %v is %v", c, d, got)
		}
	})
	if got := fold(t, pluginv1.Stage_FOLD_MIN, math.NaN(), 1); got != 1 {
		t.Errorf("min of NaN and 1 is %v", got)
	}
	if got := fold(t, pluginv1.Stage_FOLD_MAX, 1, math.NaN()); got == got {
		t.Errorf("max of 1 and NaN is %v", got)
	}
	for _, f := range []arrow.Field{
		{Type: arrow.BinaryTypes.String}, {Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Type: arrow.FixedWidthTypes.Timestamp_ns},
	} {
		if _, _, ok := FoldFor(pluginv1.Stage_FOLD_SUM, []arrow.Field{f}); ok {
			t.Errorf("%v is folded by the engine", f)
		}
	}
	if _, _, ok := FoldFor(pluginv1.Stage_FOLD_OPAQUE, []arrow.Field{{Type: arrow.PrimitiveTypes.Int64}}); ok {
		t.Error("an opaque fold is done by the engine")
	}
}

func foldInts[I integer](t *rapid.T, gen *rapid.Generator[I]) {
	a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
	for _, kind := range []pluginv1.Stage_Fold{pluginv1.Stage_FOLD_SUM, pluginv1.Stage_FOLD_COUNT} {
		if got := fold(t, kind, a, b); got != a+b {
			t.Fatalf("%v + %v is %v", a, b, got)
		}
	}
	if got := fold(t, pluginv1.Stage_FOLD_MIN, a, b); got != min(a, b) {
		t.Fatalf("min %v %v is %v", a, b, got)
	}
	if got := fold(t, pluginv1.Stage_FOLD_MAX, a, b); got != max(a, b) {
		t.Fatalf("max %v %v is %v", a, b, got)
	}
}

type fataler interface {
	Fatal(args ...any)
	Helper()
}

func fold[T any](t fataler, kind pluginv1.Stage_Fold, a, b T) T {
	t.Helper()
	c, err := For[T]()
	if err != nil {
		t.Fatal(err)
	}
	f, _, ok := FoldFor(kind, c.Fields())
	if !ok {
		t.Fatal("no fold")
	}
	got, err := c.Decode(f(c.Append(nil, a), c.Append(nil, b)))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func FuzzDecoder(f *testing.F) {
	c, _ := For[nested]()
	d, _ := NewDecoder(c.Fields())
	f.Add(c.Append(nil, nested{List: []int64{1}, Deep: [][]string{{"x"}}, Map: map[string]int{"a": 1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		errDynamic := d.NewBuilder().Append(b)
		_, errTyped := c.Decode(b)
		if (errDynamic == nil) != (errTyped == nil) {
			t.Errorf("typed says %v, dynamic says %v", errTyped, errDynamic)
		}
	})
}
