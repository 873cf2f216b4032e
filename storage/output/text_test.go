package output

import (
	"bufio"
	"bytes"
	"encoding/base64"
	stdcsv "encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage/mem"
)

func TestCSV(t *testing.T) {
	rows := table(t, []any{"plain", "", nil, "a,b", `say "no"`, "two\nlines\r\n", " space", "é\x00\xff"},
		[]any{int64(math.MinInt64), nil, int64(3), int64(4), int64(5), int64(6), int64(7), int64(math.MaxInt64)},
		[]any{0.5, math.NaN(), math.Inf(-1), math.Copysign(0, -1), nil, 1e300, 0.0, 1.0})
	want := "a,b,c\nplain,-9223372036854775808,0.5\n\"\",,NaN\n,3,-Inf\n\"a,b\",4,-0\n\"say \"\"no\"\"\",5,\n" +
		"\"two\nlines\r\n\",6,1e+300\n\" space\",7,0\né\x00\xff,9223372036854775807,1\n"
	if got := written(t, CSV, rows); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := written(t, CSV, rows.NewSlice(2, 2)); got != "a,b,c\n" {
		t.Errorf("a part of no rows is %q", got)
	}
}

// texts are such as formats stumble over.
var texts = []string{"", "a", ",", `"`, `""`, "\n", "\r", "\t", " ", "\\", `\N`, "null", "NULL", "\x00", "é", "\u2028", "\ufeff", "0x1", strings.Repeat("long ", 10_000)}

// anyText gives one of texts, or some of them after each other.
func anyText(r *rand.Rand) string {
	s := ""
	for range r.IntN(3) {
		s += texts[r.IntN(len(texts)-1)]
	}
	if r.IntN(50) == 0 {
		s += texts[len(texts)-1]
	}
	return s
}

// The plain twin: what encoding/csv reads is what was written, but for the carriage returns before newlines that it drops, and
// null, which is the empty text to it.
func TestCSVReadsBack(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var cols [3][]any
		want := [][]string{{"a", "b", "c"}}
		for range r.IntN(100) {
			s, b, n := anyText(r), anyText(r), r.Int64()-r.Int64()
			cols[0], cols[1], cols[2] = append(cols[0], s), append(cols[1], []byte(b)), append(cols[2], n)
			plain := func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
			want = append(want, []string{plain(s), plain(b), fmt.Sprint(n)})
		}
		if len(cols[0]) == 0 {
			continue
		}
		got, err := stdcsv.NewReader(strings.NewReader(written(t, CSV, table(t, cols[:]...)))).ReadAll()
		if err != nil || !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("seed %d: %v; %d rows, want %d", seed, err, len(got), len(want))
		}
	}
}

func TestCSVRefuses(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "only", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	if _, err := NewPart(t.Context(), mem.New(), "k", CSV, schema, nil); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "column only") {
		t.Errorf("%v", err)
	}
}

func TestJSONL(t *testing.T) {
	at := time.Date(2026, 2, 28, 23, 59, 59, 5, time.UTC)
	rows := table(t, []any{"a\"\\\n\x01", nil, "é\u2028<&>"}, []any{int64(math.MinInt64), int64(1), nil}, []any{uint64(math.MaxUint64), uint64(0), uint64(1<<53 + 1)},
		[]any{math.NaN(), math.Inf(1), math.Inf(-1)}, []any{0.1, math.Copysign(0, -1), 1e300}, []any{true, nil, false}, []any{at, nil, at}, []any{[]byte("\x00\xff"), []byte{}, nil})
	want := `{"a":"a\"\\\n\u0001","b":-9223372036854775808,"c":18446744073709551615,"d":"NaN","e":0.1,"f":true,"g":"2026-02-28T23:59:59.000000005Z","h":"AP8="}` + "\n" +
		`{"a":null,"b":1,"c":0,"d":"Infinity","e":-0,"f":null,"g":null,"h":""}` + "\n" +
		`{"a":"é` + "\u2028" + `<&>","b":null,"c":9007199254740993,"d":"-Infinity","e":1e+300,"f":false,"g":"2026-02-28T23:59:59.000000005Z","h":null}` + "\n"
	if got := written(t, JSONL, rows); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Nested values are JSON already, and stay that.
func TestJSONLNested(t *testing.T) {
	text := table(t, []any{`{"k":[1,null]}`})
	f := codec.OutputField(arrow.Field{Name: "n", Type: arrow.StructOf(arrow.Field{Name: "k", Type: arrow.PrimitiveTypes.Int8})})
	rows := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{f}, nil), text.Columns(), 1)
	if got, want := written(t, JSONL, rows), `{"n":{"k":[1,null]}}`+"\n"; got != want {
		t.Errorf("got %s", got)
	}
}

// The plain twin: what encoding/json reads is what was written.
func TestJSONLReadsBack(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		var cols [3][]any
		for range 1 + r.IntN(100) {
			cols[0], cols[1], cols[2] = append(cols[0], anyText(r)), append(cols[1], []byte(anyText(r)+"\xfe")), append(cols[2], r.Int64()-r.Int64())
		}
		lines := bufio.NewScanner(strings.NewReader(written(t, JSONL, table(t, cols[:]...))))
		lines.Buffer(nil, 16<<20)
		n := 0
		for ; lines.Scan(); n++ {
			var got struct {
				A string
				B string
				C json.Number
			}
			if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			blob, err := base64.StdEncoding.DecodeString(got.B)
			if err != nil || got.A != cols[0][n] || !bytes.Equal(blob, cols[1][n].([]byte)) || got.C.String() != fmt.Sprint(cols[2][n]) {
				t.Fatalf("seed %d, row %d: %+.99v", seed, n, got)
			}
		}
		if n != len(cols[0]) {
			t.Errorf("%d rows, want %d", n, len(cols[0]))
		}
	}
}

func TestJSONLRefusesBytes(t *testing.T) {
	// Each row is checked: together these are UTF-8.
	rows := table(t, []any{"\xc3", "\xa9"})
	p, err := NewPart(t.Context(), mem.New(), "k", JSONL, rows.Schema(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(rows); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), `column a: the text "\xc3" is not UTF-8`) {
		t.Errorf("%v", err)
	}
	if err := p.Abort(); err != nil {
		t.Error(err)
	}
}
