package jobs

import (
	"context"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// What each kind of value that Reduce emits looks like in the result.
func TestTextOfRows(t *testing.T) {
	type point struct {
		Y float64
		X int8
	}
	some := int64(-7)
	at := time.Date(2026, 2, 28, 23, 59, 59, 123456789, time.FixedZone("", 3600))
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("the row is\n%q, want\n%q", got, want)
		}
	}
	check(textOfRow(t, struct {
		I8  int8
		I64 int64
		U64 uint64
		U8  uint8
	}{-128, math.MinInt64, math.MaxUint64, 255}), "-128\t-9223372036854775808\t18446744073709551615\t255")
	check(textOfRow(t, struct{ A, B, C, D, E, F float64 }{0.1, 1e6, -2.5e-7, math.NaN(), math.Inf(1), math.Inf(-1)}),
		"0.1\t1e+06\t-2.5e-07\tNaN\t+Inf\t-Inf")
	check(textOfRow(t, struct{ A, B float32 }{0.1, 16777216}), "0.1\t1.6777216e+07")
	check(textOfRow(t, struct{ A, B bool }{true, false}), "true\tfalse")
	check(textOfRow(t, struct{ A, B, C time.Time }{at, at.Truncate(time.Second), time.Unix(0, 0)}),
		"2026-02-28T22:59:59.123456789Z\t2026-02-28T22:59:59Z\t1970-01-01T00:00:00Z")
	check(textOfRow(t, struct {
		A, B *int64
		C    *string
	}{&some, nil, nil}), `-7	\N	\N`)
	check(textOfRow(t, struct {
		S, T string
		B    []byte
		ID   [2]byte
	}{"a\tb\nc\rd\\e", `\N`, []byte("\xff\x00\t"), [2]byte{'h', 'i'}}), "a\\tb\\nc\\rd\\\\e\t\\\\N\t\xff\x00\\t\thi")
	check(textOfRow(t, struct {
		M map[string][]int
		P point
		L []point
		N []string
	}{map[string][]int{"b": {2, 1}, "a": nil}, point{0.5, -1}, []point{{1, 2}}, nil}),
		`{"a":[],"b":[2,1]}`+"\t"+`{"x":-1,"y":0.5}`+"\t"+`[{"x":2,"y":1}]`+"\t[]")
	check(textOfRow(t, struct{ L []string }{[]string{"a\tb", `c\d`}}), `["a\\tb","c\\\\d"]`)
}

// textOfRow is a row of a result as it is printed.
func textOfRow[Out any](t *testing.T, row Out) string {
	t.Helper()
	text, _, err := reduced(t, Job[string, string, int64, Out]{Name: "x", Map: countWords,
		Reduce: func(_ context.Context, _ string, _ iter.Seq[int64], emit func(Out)) error {
			emit(row)
			return nil
		}}, groupsOf(t, []Pair[string, int64]{{"a", 1}}))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(text, "\n")
}

// BenchmarkRows is what a row costs from Reduce's emit to a batch of columns.
func BenchmarkRows(b *testing.B) {
	type row struct {
		Word string
		N    int64
		Mean float64
	}
	const rows = 100_000
	p, err := Job[string, string, int64, row]{Name: "x", Map: countWords,
		Reduce: func(_ context.Context, key string, _ iter.Seq[int64], emit func(row)) error {
			for i := range int64(rows) {
				emit(row{key, i, 0.5})
			}
			return nil
		}}.Program()
	if err != nil {
		b.Fatal(err)
	}
	next := groupsOf(b, []Pair[string, int64]{{"a-usual-word", 1}})
	group, err := next()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if _, err := p.Reduce(b.Context(), &pluginv1.ReduceStart{}, boundary.LocalReduce{
			Next: func() (*boundary.Group, error) {
				if n++; n > 1 {
					return next()
				}
				return group, nil
			},
			Out: func(arrow.RecordBatch) error { return nil },
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
