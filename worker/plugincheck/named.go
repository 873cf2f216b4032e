package plugincheck

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// namedRows are the rows of named outputs that an attempt gave, by the place of the output; the zero value has none.
type namedRows struct {
	about []*pluginv1.Output
	rows  [][]string
}

// named is a stream that may give rows of named outputs.
type named interface {
	TakeNamed(outputs []*pluginv1.Output, put func(output int, rec arrow.RecordBatch) error) error
}

var _, _ named = (*boundary.MapStream)(nil), (*boundary.ReduceStream)(nil)

// takeNamed gathers the rows of a stage's named outputs as the stream gives them. What is not of an output's schema, or of an
// output that the stage does not have, ends the stream.
func takeNamed(desc *pluginv1.Stage, from named) (namedRows, error) {
	n := namedRows{desc.GetOutputs(), make([][]string, len(desc.GetOutputs()))}
	return n, from.TakeNamed(n.about, func(output int, rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			n.rows[output] = append(n.rows[output], rowText(rec, i))
		}
		return nil
	})
}

// lines are the rows with the names of their outputs.
func (n namedRows) lines() (out []string) {
	for i, rows := range n.rows {
		for _, row := range rows {
			out = append(out, n.about[i].GetName()+" "+row)
		}
	}
	return out
}

// String says how many rows each output has, to be put after other numbers.
func (n namedRows) String() string {
	var b strings.Builder
	for i, rows := range n.rows {
		fmt.Fprintf(&b, ", %s: %d", n.about[i].GetName(), len(rows))
	}
	return b.String()
}

func rowText(rec arrow.RecordBatch, i int) string {
	var row strings.Builder
	for _, col := range rec.Columns() {
		fmt.Fprintf(&row, "%q ", col.ValueStr(i))
	}
	return row.String()
}

// partitions is how many a map attempt of the stage is told of.
func (s *stage) partitions() uint32 {
	if s.desc.GetMapOnly() {
		return 0
	}
	return partitions
}
