package typed

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type inner struct {
	X int32   `json:"x"`
	L []int64 `json:"l"`
}

type doc struct {
	S    string     `json:"s"`
	N    int64      `json:"n"`
	U    uint8      `json:"u"`
	F    float64    `json:"f"`
	B    bool       `json:"b"`
	P    *string    `json:"p"`
	T    time.Time  `json:"t"`
	Raw  []byte     `json:"raw"`
	L    []string   `json:"l"`
	In   inner      `json:"in"`
	Many []inner    `json:"many"`
	More []*float32 `json:"more"`
}

// TestJSONIsThatOfTheLibrary: what encoding/json writes of a value is read as that value, in whatever pieces it comes.
func TestJSONIsThatOfTheLibrary(t *testing.T) {
	cols, c := compiled[doc](t)
	inners := rapid.Custom(func(t *rapid.T) inner {
		return inner{rapid.Int32().Draw(t, "x"), rapid.SliceOfN(rapid.Int64(), 1, 3).Draw(t, "l")}
	})
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		var want []doc
		for range rapid.IntRange(0, 4).Draw(t, "lines") {
			d := doc{
				S: rapid.String().Draw(t, "s"), N: rapid.Int64().Draw(t, "n"), U: rapid.Uint8().Draw(t, "u"), F: rapid.Float64().Draw(t, "f"),
				B: rapid.Bool().Draw(t, "b"), P: rapid.Ptr(rapid.String(), true).Draw(t, "p"),
				T:   time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(t, "sec"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
				Raw: rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "raw"), L: rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "l"),
				In: inners.Draw(t, "in"), Many: rapid.SliceOfN(inners, 1, 3).Draw(t, "many"),
				More: rapid.SliceOfN(rapid.Ptr(rapid.Float32(), true), 1, 3).Draw(t, "more"),
			}
			if d.F == 0 {
				d.F = 0 // one zero only
			}
			for _, f := range d.More {
				if f != nil && *f == 0 {
					*f = 0
				}
			}
			line, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, d)
			text.Write(line)
			text.WriteString(rapid.SampledFrom([]string{"\n", "\r\n", " \n\n"}).Draw(t, "end"))
		}
		got, bad := parseAll(t, cols.JSON(), c, text.String(), rapid.IntRange(1, 99).Draw(t, "step"))
		if len(bad) > 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\n%+v, %v\nwant\n%+v", text.String(), got, bad, want)
		}
	})
}

// TestJSONValid: what is taken for JSON is what encoding/json takes for it.
func TestJSONValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := "{" + strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{
			"{", "}", "[", "]", ",", ":", `"`, `"a"`, `"a":`, `\`, `\u00e`, `\ud83d`, "1", "-", "0", ".", "e", "+", "true", "null", " ", "\t", "\x01", "\xff", `"k":{"l":[1,{}]}`,
		})).Draw(t, "text"), "")
		end, err := skip([]byte(text), 0, 0)
		if got, want := err == nil && space([]byte(text), end) == len(text), json.Valid([]byte(text)); got != want {
			t.Fatalf("%q: %v (%v), encoding/json says %v", text, got, err, want)
		}
	})
}

func TestJSONErrors(t *testing.T) {
	type row struct {
		A int8
		B *string
		C string `mr:"c,optional"`
	}
	cols, c := compiled[row](t)
	for text, want := range map[string]string{
		`{"a":1,"z":[{"a":"}"}]}`: "", `{"a":1,"a":2,"b":null,"c":null}`: "",
		`{}`: "column a: it is missing", `{"a":null}`: "column a: it is null", `{"a":128}`: `column a: "128" is no int8`,
		`{"a":"1"}`: `column a: "1" is no int8`, `{"a":1,"b":2}`: "column b: 2 is no utf8", `{"a":1.0}`: `column a: "1.0" is no int8`,
		`[1]`: `a line that begins with "[" is no JSON object`, `{"a":1} {}`: "there is more after the object, at byte 7 of the line",
		`{"a":1`: "JSON that breaks off", "{\"a\":\x01}": `no JSON: '\x01' at byte 5 of the line`,
		`{"a":` + strings.Repeat("[", 2000) + "}": "JSON that is nested deeper than 1000",
	} {
		got, bad := parseAll(t, cols.JSON(), c, text+"\n"+`{"a":5}`, 1000)
		if want == "" && len(bad) > 0 || want != "" && (len(bad) != 1 || bad[0].Error() != want) {
			t.Errorf("%s: %v, want %q", text, bad, want)
		}
		if len(got)+len(bad) != 2 {
			t.Errorf("%s: %d rows", text, len(got))
		}
	}
	type lone struct{ Name string }
	one, lc := compiled[lone](t)
	if got, bad := parseAll(t, one.JSON(), lc, `{"x":1,"name":"a\u0000\ud83d\ude00\ud800"}`, 7); len(bad) > 0 || got[0].Name != "a\x00😀\ufffd" {
		t.Errorf("%q, %v", got, bad)
	}
}

func TestColumns(t *testing.T) {
	cols, _ := compiled[doc](t)
	if _, err := cols.CSV(Dialect{}, true); err == nil || !strings.Contains(err.Error(), "column l is a list or a struct") {
		t.Error(err)
	}
}

// Infinities and NaN are read as they are written (package jsonl), as floats and as nothing else.
func TestJSONFloatsThatAreNoNumbers(t *testing.T) {
	type row struct {
		F float64
		G *float32
	}
	cols, c := compiled[row](t)
	const text = `{"f":"NaN","g":"Infinity"}` + "\n" + `{"f":"-Infinity","g":null}` + "\n" + `{"f":"inf"}` + "\n" + `{"f":"1"}` + "\n" + `{"f":1e400}` + "\n"
	got, bad := parseAll(t, cols.JSON(), c, text, 7)
	if len(got) != 2 || !math.IsNaN(got[0].F) || got[0].G == nil || !math.IsInf(float64(*got[0].G), 1) || !math.IsInf(got[1].F, -1) || got[1].G != nil {
		t.Errorf("%+v", got)
	}
	if len(bad) != 3 || !strings.Contains(bad[0].Error(), `column f: "inf" is no `) || !strings.Contains(bad[2].Error(), "1e400") {
		t.Errorf("bad: %v", bad)
	}
	type whole struct{ F int64 }
	wholes, w := compiled[whole](t)
	if got, bad := parseAll(t, wholes.JSON(), w, `{"f":"NaN"}`, 99); len(got) != 0 || len(bad) != 1 {
		t.Errorf("an integer: %v, %v", got, bad)
	}
}

// A mark of the byte order is no part of a line, wherever files that begin with one were put together.
func TestJSONByteOrderMark(t *testing.T) {
	type row struct{ N int64 }
	cols, c := compiled[row](t)
	got, bad := parseAll(t, cols.JSON(), c, "\ufeff{\"n\":1}\n\ufeff\n{\"n\":2}\n\ufeff{\"n\":3}", 2)
	if len(bad) > 0 || !reflect.DeepEqual(got, []row{{1}, {2}, {3}}) {
		t.Errorf("%v, %v", got, bad)
	}
}
