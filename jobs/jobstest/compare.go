package jobstest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/tsv"
)

// row is a row of a result: its text, and apart its floats, which may be allowed to differ a little.
type row struct {
	output string // the named output it is of; "": the result
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
	return cmp.Or(strings.Compare(r.output, q.output), strings.Compare(r.exact, q.exact), slices.Compare(r.floats, q.floats))
}

func (r row) equal(q row, tolerance float64) bool {
	return r.output == q.output && r.exact == q.exact && slices.EqualFunc(r.floats, q.floats, func(a, b float64) bool {
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
		if r.output != "" {
			mark += " output " + r.output + ":"
		}
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
