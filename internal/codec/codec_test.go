package codec

import (
	"bytes"
	"cmp"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type inner struct {
	A string
	B *int32
}

type everything struct {
	Bool bool
	I8   int8
	I16  int16
	I32  int32
	I64  int64
	I    int
	U8   uint8
	U16  uint16
	U32  uint32
	U64  uint64
	U    uint
	F32  float32
	F64  float64
	S    string
	B    []byte
	T    time.Time
	P    *string
	Arr  [2]string
	ID   [4]byte
	In   inner
}

type nested struct {
	List  []int64
	Rows  []inner
	Deep  [][]string
	Map   map[string]int
	Codes map[int8][]string
}

func genTime(t *rapid.T) time.Time { return time.Unix(0, rapid.Int64().Draw(t, "ns")).UTC() }

func genString(t *rapid.T, label string) string {
	return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xff}), 0, 6).Draw(t, label))
}

func genEverything(t *rapid.T) everything {
	v := everything{
		Bool: rapid.Bool().Draw(t, "bool"), I8: rapid.Int8().Draw(t, "i8"), I16: rapid.Int16().Draw(t, "i16"),
		I32: rapid.Int32().Draw(t, "i32"), I64: rapid.Int64().Draw(t, "i64"), I: rapid.Int().Draw(t, "i"),
		U8: rapid.Uint8().Draw(t, "u8"), U16: rapid.Uint16().Draw(t, "u16"), U32: rapid.Uint32().Draw(t, "u32"),
		U64: rapid.Uint64().Draw(t, "u64"), U: rapid.Uint().Draw(t, "u"),
		F32: rapid.Float32().Draw(t, "f32") + 0, F64: rapid.Float64().Draw(t, "f64") + 0,
		S: genString(t, "s"), B: []byte(genString(t, "b")), T: genTime(t),
		Arr: [2]string{genString(t, "x"), genString(t, "y")}, ID: [4]byte{rapid.Byte().Draw(t, "id"), 0, 255, 1},
		In: inner{A: genString(t, "in")},
	}
	if rapid.Bool().Draw(t, "some") {
		s, n := genString(t, "p"), rapid.Int32().Draw(t, "n")
		v.P, v.In.B = &s, &n
	}
	return v
}

func TestRoundTrip(t *testing.T) {
	c, err := For[everything]()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := genEverything(t)
		enc := c.Append([]byte("before"), v)
		got, err := c.Decode(enc[len("before"):])
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(v, got, gocmp.Comparer(func(a, b time.Time) bool { return Nanos(a) == Nanos(b) })); diff != "" {
			t.Fatal(diff)
		}
		for n := range len(enc) - len("before") { // every cut is told
			if _, err := c.Decode(enc[len("before") : len("before")+n]); err == nil {
				t.Fatalf("a row cut at %d bytes was accepted", n)
			}
		}
		if _, err := c.Decode(append(enc[len("before"):], 0)); err == nil {
			t.Fatal("a byte too many was accepted")
		}
	})
}

func TestRoundTripNested(t *testing.T) {
	c, err := For[nested]()
	if err != nil {
		t.Fatal(err)
	}
	n := int32(-7)
	for _, v := range []nested{
		{},
		{List: []int64{1, math.MinInt64, -1}},
		{Rows: []inner{{A: "x\x00y", B: &n}, {}}, Deep: [][]string{{"a", "\x00"}, nil, {""}}},
		{Map: map[string]int{"b": 2, "a": 1, "": 0}, Codes: map[int8][]string{-1: {"m"}, 3: nil}},
	} {
		got, err := c.Decode(c.Append(nil, v))
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(v, got); diff != "" {
			t.Fatal(diff)
		}
		if a, b := c.Append(nil, v), c.Append(nil, got); !bytes.Equal(a, b) {
			t.Fatalf("one value, two encodings: %x and %x", a, b)
		}
	}
	if got, want := c.Size(nested{List: make([]int64, 3), Deep: [][]string{{"abc"}}}), 3*8+24+16+3; got != want {
		t.Errorf("Size is %d, want %d", got, want)
	}
}

// The order of encodings is the order of the values, field by field.
func TestOrder(t *testing.T) {
	type key struct {
		S string
		F float64
		I int16
		P *uint8
		T time.Time
		U uint32
		B bool
	}
	c, err := ForKey[key]()
	if err != nil {
		t.Fatal(err)
	}
	gen := func(t *rapid.T) key {
		k := key{
			S: genString(t, "s"), I: int16(rapid.IntRange(-2, 2).Draw(t, "i")),
			F: rapid.SampledFrom([]float64{math.Inf(-1), -1.5, -math.SmallestNonzeroFloat64, 0, 1, 1e300, math.Inf(1), math.NaN()}).Draw(t, "f"),
			T: genTime(t), U: rapid.Uint32Range(0, 3).Draw(t, "u"), B: rapid.Bool().Draw(t, "b"),
		}
		if rapid.Bool().Draw(t, "some") {
			u := rapid.Uint8Range(0, 2).Draw(t, "p")
			k.P = &u
		}
		return k
	}
	floats := func(a, b float64) int { // NaN last
		switch {
		case a != a || b != b:
			return cmp.Compare(b2i(a != a), b2i(b != b))
		}
		return cmp.Compare(a, b)
	}
	pointers := func(a, b *uint8) int {
		if a == nil || b == nil {
			return cmp.Compare(b2i(a != nil), b2i(b != nil))
		}
		return cmp.Compare(*a, *b)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen(t), gen(t)
		want := cmp.Or(strings.Compare(a.S, b.S), floats(a.F, b.F), cmp.Compare(a.I, b.I), pointers(a.P, b.P), a.T.Compare(b.T),
			cmp.Compare(a.U, b.U), cmp.Compare(b2i(a.B), b2i(b.B)))
		if got := bytes.Compare(c.Append(nil, a), c.Append(nil, b)); got != want {
			t.Fatalf("%+v against %+v: bytes say %d, values %d", a, b, got, want)
		}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestLoneStringIsRaw(t *testing.T) {
	type word string
	type only struct{ Word word }
	type outer struct{ only }
	check(t, "a\x00b", []byte("a\x00b"))
	check(t, []byte("a\x00b"), []byte("a\x00b"))
	check(t, word("x"), []byte("x"))
	check(t, only{"a\x00"}, []byte("a\x00"))
	check(t, outer{only{"\x00"}}, []byte("\x00"))
	check(t, struct{ In only }{only{"a"}}, []byte("a\x00\x00")) // a column of its own type, not a lone string
	check(t, struct{}{}, nil)
	check(t, "", nil)
}

func check[T any](t *testing.T, v T, want []byte) {
	t.Helper()
	c, err := For[T]()
	if err != nil {
		t.Fatal(err)
	}
	enc := c.Append(nil, v)
	if !bytes.Equal(enc, want) {
		t.Errorf("%#v is %x, want %x", v, enc, want)
	}
	got, err := c.Decode(enc)
	if err != nil || !reflect.DeepEqual(got, v) && len(want) > 0 {
		t.Errorf("%#v came back as %#v, %v", v, got, err)
	}
}

func TestRefused(t *testing.T) {
	type tree struct{ Left *tree }
	refuse[chan int](t, "chan")
	refuse[any](t, "interface")
	refuse[struct{ count int }](t, "count is unexported")
	refuse[tree](t, "contains itself")
	refuse[**int](t, "pointer to a pointer")
	refuse[struct{ Ab_C, AbC int }](t, "two columns are named ab_c")
	refuse[map[string]any](t, "interface")
	if _, err := ForKey[[]string](); err == nil || !strings.Contains(err.Error(), "no place in a key") {
		t.Errorf("a slice as a key: %v", err)
	}
	if _, err := ForKey[struct{ M map[string]int }](); err == nil || !strings.Contains(err.Error(), "field M") {
		t.Errorf("a map in a key: %v", err)
	}
}

func refuse[T any](t *testing.T, want string) {
	t.Helper()
	if _, err := For[T](); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("For[%v]: %v, want an error with %q", reflect.TypeFor[T](), err, want)
	}
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{
		"Word": "word", "N": "n", "RequestID": "request_id", "HTTPStatus": "http_status", "P95": "p95", "ErrorRate": "error_rate",
		"SlowestMS": "slowest_ms", "A_B": "a_b", "Überfall": "überfall", "IDs": "i_ds",
	} {
		if got := snake(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestTimeSaturates(t *testing.T) {
	c, _ := For[time.Time]()
	for _, v := range []struct{ in, out time.Time }{
		{time.Time{}, time.Time{}},
		{time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MaxInt64).UTC()},
		{time.Date(2015, 5, 17, 12, 0, 0, 1, time.FixedZone("", 7200)), time.Date(2015, 5, 17, 10, 0, 0, 1, time.UTC)},
	} {
		if got, err := c.Decode(c.Append(nil, v.in)); err != nil || !got.Equal(v.out) {
			t.Errorf("%v came back as %v, want %v (%v)", v.in, got, v.out, err)
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	c, _ := For[everything]()
	dst := make([]byte, 0, 1<<10)
	v := everything{S: "word", B: []byte("bytes")}
	if n := testing.AllocsPerRun(100, func() { dst = c.Append(dst[:0], v) }); n != 0 {
		t.Errorf("Append allocates %v times", n)
	}
	d, _ := For[struct {
		S string
		N int64
	}]()
	enc := d.Append(nil, struct {
		S string
		N int64
	}{"word", 1})
	if n := testing.AllocsPerRun(100, func() { _, _ = d.Decode(enc) }); n != 0 {
		t.Errorf("Decode allocates %v times", n)
	}
}

func FuzzDecode(f *testing.F) {
	c, _ := For[everything]()
	n, _ := For[nested]()
	f.Add(c.Append(nil, everything{}))
	f.Add(n.Append(nil, nested{List: []int64{1}, Map: map[string]int{"a": 1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := c.Decode(b); err == nil {
			if _, err := c.Decode(c.Append(nil, v)); err != nil {
				t.Errorf("what was decoded does not decode again: %v", err)
			}
		}
		if v, err := n.Decode(b); err == nil {
			if _, err := n.Decode(n.Append(nil, v)); err != nil {
				t.Errorf("what was decoded does not decode again: %v", err)
			}
		}
	})
}

func BenchmarkAppendStruct(b *testing.B) {
	type row struct {
		S    string
		A, B int64
	}
	c, _ := For[row]()
	dst := make([]byte, 0, 64)
	for b.Loop() {
		dst = c.Append(dst[:0], row{"/some/route", 1, 2})
	}
}
