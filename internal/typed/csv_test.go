package typed

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mrctl/mrctl/internal/codec"
)

type texts struct{ A, B, C string }

// compiled is the columns of T, and what decodes their rows.
func compiled[T any](t testing.TB) (*Columns, *codec.Codec[T]) {
	t.Helper()
	c, err := codec.For[T]()
	if err != nil {
		t.Fatal(err)
	}
	cols, err := New(c.Fields())
	if err != nil {
		t.Fatal(err)
	}
	return cols, c
}

// parseAll parses an object that comes in pieces of step bytes.
func parseAll[T any](t rapid.TB, p Parser, c *codec.Codec[T], text string, step int) (out []T, bad []error) {
	t.Helper()
	at, have := 0, 0
	for {
		row, n, ok, err := p.Next(nil, []byte(text[at:have]), have == len(text))
		if n == 0 && err == nil {
			if have == len(text) {
				return out, bad
			}
			have = min(have+step, len(text))
			continue
		}
		at += n
		if err != nil {
			bad = append(bad, err)
			if fatal := new(Fatal); errors.As(err, &fatal) {
				return out, bad
			}
		}
		if ok {
			v, err := c.Decode(row)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
	}
}

// TestCSVIsThatOfTheLibrary: whatever text there is, in whatever pieces it comes, it is read as by encoding/csv, which
// stops at the first error and turns "\r\n" within quotes into "\n".
func TestCSVIsThatOfTheLibrary(t *testing.T) {
	cols, c := compiled[texts](t)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{
			"a", "b", ",", ",", "\"", "\"", "\"\"", "\n", "\r\n", "\r", " ", "ä", "x,y,z\n", "\"q\"\"r\",\"1\n2\",3\r\n", "1,2,3\n"})).Draw(t, "text"), "")
		ref := stdcsv.NewReader(strings.NewReader(text))
		ref.FieldsPerRecord = 3
		var want []texts
		var wantErr error
		for {
			r, err := ref.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				wantErr = err
				break
			}
			want = append(want, texts{r[0], r[1], r[2]})
		}
		p, err := cols.CSV(Dialect{}, false)
		if err != nil {
			t.Fatal(err)
		}
		got, bad := parseAll(t, p, c, text, rapid.IntRange(1, 9).Draw(t, "step"))
		for i := range got {
			for _, f := range []*string{&got[i].A, &got[i].B, &got[i].C} {
				*f = strings.ReplaceAll(*f, "\r\n", "\n")
			}
		}
		if (wantErr != nil) != (len(bad) > 0) {
			t.Fatalf("%q: bad %v, encoding/csv says %v", text, bad, wantErr)
		}
		if wantErr == nil && !slices.Equal(got, want) || len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Fatalf("%q:\n%q\nwant\n%q", text, got, want)
		}
	})
}

func TestCSVHeader(t *testing.T) {
	type row struct {
		UserID int64 `mr:"uid"`
		Score  *float64
		Note   string `mr:",optional"`
	}
	cols, c := compiled[row](t)
	half := 0.5
	for _, x := range []struct {
		text string
		want []row
		err  string
	}{
		{"other,score,uid\nx,0.5,7\n,,8\n", []row{{7, &half, ""}, {8, nil, ""}}, ""},
		{"\xef\xbb\xbfuid,\"score\",note\r\n7,,\"a \"\"b\"\"\r\nc\"\r\n", []row{{7, nil, "a \"b\"\r\nc"}}, ""},
		{"uid,note\n1,2\n", nil, "it has no column score; its header names uid, note"},
		{"uid,score,uid\n1,2,3\n", nil, "two columns are named uid"},
		{"uid,score\nx,2\n1,2\n", []row{{UserID: 1, Score: new(2.0)}}, `column uid: "x" is no int64`},
		{"uid,score\n1\n", nil, "it has 1 fields, not 2"},
		{"uid,score\n1,\"2\n3,4\n", nil, "a quote (\") that is not closed before the end of the input"},
	} {
		for step := 1; step < 5; step++ {
			p, err := cols.CSV(Dialect{}, true)
			if err != nil {
				t.Fatal(err)
			}
			got, bad := parseAll(t, p, c, x.text, step)
			if !reflect.DeepEqual(got, x.want) || (x.err == "") != (len(bad) == 0) || x.err != "" && bad[0].Error() != x.err {
				t.Errorf("%q by %d: %+v, %v", x.text, step, got, bad)
			}
		}
	}
}

// TestBrokenPromise: a file that is said to have no line break within quotes, and has one, is found out.
func TestBrokenPromise(t *testing.T) {
	cols, c := compiled[texts](t)
	p, err := cols.Within(Dialect{Lines: true}, []byte("a,b,c\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, bad := parseAll(t, p, c, "1,2,3\n4,\"x\ny\",6\n", 1)
	if fatal := new(Fatal); len(got) != 1 || len(bad) != 1 || !errors.As(bad[0], &fatal) {
		t.Errorf("%v, %v", got, bad)
	}
	if _, err := cols.Within(Dialect{}, []byte("a,b\n")); err == nil {
		t.Error("a header without c")
	}
}

func BenchmarkCSV(b *testing.B) {
	type row struct {
		User  string
		N     int64
		Price float64
	}
	cols, _ := compiled[row](b)
	data := bytes.Repeat([]byte("somebody,12345,3.25\n\"one, two\",7,0.5\n"), 1000)
	b.SetBytes(int64(len(data)))
	var dst []byte
	for b.Loop() {
		p, _ := cols.CSV(Dialect{}, false)
		for rest := data; len(rest) > 0; {
			_, n, _, err := p.Next(dst[:0], rest, true)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}

// A field of a million quotes, one line each record: looked through once, not once for each quote, which would take minutes.
func TestCSVLinesManyQuotes(t *testing.T) {
	type row struct{ A string }
	cols, c := compiled[row](t)
	p, err := cols.CSV(Dialect{Lines: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1 << 20
	text := `"` + strings.Repeat(`""x`, n) + `"` + "\n" + `"a""` + "\n" + `b"` + "\n"
	got, bad := parseAll(t, p, c, text, len(text))
	if len(got) != 1 || got[0].A != strings.Repeat(`"x`, n) || len(bad) != 1 || !strings.Contains(bad[0].Error(), "beyond its line") {
		t.Errorf("%d rows, %v", len(got), bad)
	}
}

// Blank lines before a header are blank lines, also for whoever reads only the header.
func TestCSVHeaderAfterBlankLines(t *testing.T) {
	cols, c := compiled[texts](t)
	p, err := cols.Within(Dialect{Lines: true}, []byte("\ufeff\r\n\nc,b,a\n1,2,3\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, bad := parseAll(t, p, c, "x,y,z\n", 9); len(bad) > 0 || !slices.Equal(got, []texts{{"z", "y", "x"}}) {
		t.Errorf("%v, %v", got, bad)
	}
	if _, err := cols.Within(Dialect{}, []byte("\ufeff\n\n")); err == nil || !strings.Contains(err.Error(), "no header") {
		t.Errorf("only blank lines: %v", err)
	}
}
