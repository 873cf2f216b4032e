package jobstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/tsv"
	"github.com/mrctl/mrctl/jobs"
)

// row is a row of a result: its text, and apart its floats, which may be allowed to differ a little.
type row struct {
	text   string // as printed
	exact  string // the columns that are no floats
	floats []float64
}

func rowsOf(rec arrow.RecordBatch) []row {
	out := make([]row, rec.NumRows())
	lines := strings.Split(string(tsv.Append(nil, rec)), "\n")
	for i := range out {
		r := row{text: lines[i]}
		var rest []string
		cells := strings.Split(r.text, "\t")
		for c, col := range rec.Columns() {
			switch v := col.(type) {
			case *array.Float64:
				r.floats = append(r.floats, nullable(v, i, v.Value(i)))
			case *array.Float32:
				r.floats = append(r.floats, nullable(v, i, float64(v.Value(i))))
			default:
				rest = append(rest, cells[c])
			}
		}
		r.exact = strings.Join(rest, "\t")
		out[i] = r
	}
	return out
}

// nullable stands a null apart from all floats there are.
func nullable(col arrow.Array, i int, f float64) float64 {
	if col.IsNull(i) {
		return math.Inf(-1)
	}
	return f
}

func (r row) compare(q row) int {
	return cmp.Or(strings.Compare(r.exact, q.exact), slices.Compare(r.floats, q.floats))
}

func (r row) equal(q row, tolerance float64) bool {
	return r.exact == q.exact && slices.EqualFunc(r.floats, q.floats, func(a, b float64) bool {
		if a == b || a != a && b != b {
			return true
		}
		return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))
	})
}

// diff shows where two results differ, "" where they do not.
func diff(want, got result, tolerance float64) string {
	if slices.EqualFunc(want.rows, got.rows, func(a, b row) bool { return a.equal(b, tolerance) }) {
		if want.bad != got.bad {
			return fmt.Sprintf("  %d bad records, the plain way gives %d", got.bad, want.bad)
		}
		return ""
	}
	var b strings.Builder
	const most = 10
	lines := 0
	show := func(mark string, r row) {
		if lines++; lines <= most {
			fmt.Fprintf(&b, "  %s %s\n", mark, r.text)
		}
	}
	i, j := 0, 0
	for i < len(want.rows) || j < len(got.rows) {
		switch {
		case i < len(want.rows) && j < len(got.rows) && want.rows[i].equal(got.rows[j], tolerance):
			i, j = i+1, j+1
		case j == len(got.rows) || i < len(want.rows) && want.rows[i].compare(got.rows[j]) < 0:
			show("-", want.rows[i])
			i++
		default:
			show("+", got.rows[j])
			j++
		}
	}
	if lines > most {
		fmt.Fprintf(&b, "  and %d rows more\n", lines-most)
	}
	floats := ""
	if len(want.rows) > 0 && len(want.rows[0].floats) > 0 && tolerance == 0 {
		floats = "  (if these are rounding errors of floats, see jobstest.Tolerance)\n"
	}
	return "  - rows of the plain way, + rows of this one:\n" + b.String() + floats
}

// check runs the law's settings and gives the first violation, over as few records as still show it.
func (l law) check(ctx context.Context, p boundary.Program, records [][]byte, o options) *violation {
	for _, s := range l.tries {
		v := l.try(ctx, p, records, s, o)
		if v == nil {
			continue
		}
		shrink(records, func(some [][]byte) bool {
			w := l.try(ctx, p, some, s, o)
			if w != nil {
				v = w
			}
			return w != nil
		})
		return v
	}
	return nil
}

func (l law) try(ctx context.Context, p boundary.Program, records [][]byte, s setting, o options) *violation {
	want, err := run(ctx, p, records, setting{})
	if err != nil {
		return &violation{law: l, setting: setting{}, records: records, err: err}
	}
	got, err := run(ctx, p, records, s)
	if err != nil {
		return &violation{law: l, setting: s, records: records, err: err}
	}
	if d := diff(want, got, o.tolerance); d != "" {
		return &violation{law: l, setting: s, records: records, diff: d}
	}
	return nil
}

// shrink drops records, halves first and then ever smaller pieces, as long as fails says that the rest still fails.
func shrink(records [][]byte, fails func([][]byte) bool) {
	tries := 200
	for size := len(records) / 2; size > 0; size /= 2 {
		for from := 0; from < len(records) && tries > 0; tries-- {
			rest := slices.Concat(records[:from], records[min(from+size, len(records)):])
			if fails(rest) {
				records = rest
			} else {
				from += size
			}
		}
	}
}

// combineLaws checks that a Combiner is associative and commutative, on values the job emits.
func combineLaws[V any](t *testing.T, c jobs.Combiner[V], p boundary.Program, records [][]byte, o options) {
	vals, err := codec.For[V]()
	if err != nil {
		t.Fatal(err)
	}
	parts, _, err := mapAll(t.Context(), local{p.(interface{ WithoutCombining() boundary.Program }).WithoutCombining()}, records,
		setting{splits: 1, partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string][][]byte{}
	for _, pr := range parts[0] {
		if some := byKey[string(pr.key)]; len(some) < 4 {
			byKey[string(pr.key)] = append(some, pr.val)
		}
	}
	// fold folds encoded values afresh each time: a fold may change what it is given.
	fold := func(encs ...[]byte) []byte {
		return vals.Append(nil, c.Fold(func(yield func(V) bool) {
			for _, enc := range encs {
				v, err := vals.Decode(slices.Clone(enc))
				if err != nil {
					t.Fatal(err)
				}
				if !yield(v) {
					return
				}
			}
		}))
	}
	show := func(enc []byte) string {
		v, err := vals.Decode(enc)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%+v", v)
	}
	dec, err := codec.NewDecoder(vals.Fields())
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b []byte) bool {
		if string(a) == string(b) || o.tolerance == 0 {
			return string(a) == string(b)
		}
		both := dec.NewBuilder()
		if err := errors.Join(both.Append(a), both.Append(b)); err != nil {
			t.Fatal(err)
		}
		rows := rowsOf(array.NewRecordBatch(arrow.NewSchema(codec.OutputFields(vals.Fields()), nil), both.Take(nil), 2))
		return rows[0].equal(rows[1], o.tolerance)
	}
	for _, some := range byKey {
		for i := range some {
			a, b, d := some[i], some[(i+1)%len(some)], some[(i+2)%len(some)]
			if x, y := fold(a, b), fold(b, a); !same(x, y) {
				t.Fatalf("law \"Combine\" is broken: it is not commutative\n  a = %s\n  b = %s\n  a with b = %s\n  b with a = %s", show(a), show(b), show(x), show(y))
			}
			if x, y := fold(fold(a, b), d), fold(a, fold(b, d)); !same(x, y) {
				t.Fatalf("law \"Combine\" is broken: it is not associative\n  a = %s\n  b = %s\n  c = %s\n  (a with b) with c = %s\n  a with (b with c) = %s",
					show(a), show(b), show(d), show(x), show(y))
			}
		}
	}
}
