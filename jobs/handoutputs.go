package jobs

import (
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/boundary"
)

// passed counts the rows of named outputs in a job that is run by hand, which has nowhere to put them. Only one stage has some.
type passed struct {
	names []string
	rows  []int64
}

// count takes the rows of a stage's named outputs.
func (c *passed) count(p boundary.Program) func(output int, rec arrow.RecordBatch) error {
	if outputs := p.Describe().GetOutputs(); c.names == nil && len(outputs) > 0 {
		for _, o := range outputs {
			c.names = append(c.names, o.GetName())
		}
		c.rows = make([]int64, len(c.names))
	}
	return func(output int, rec arrow.RecordBatch) error {
		c.rows[output] += rec.NumRows()
		return nil
	}
}

// tell says how many there were, and what keeps them.
func (c *passed) tell(w io.Writer) {
	if len(c.names) == 0 {
		return
	}
	each := make([]string, len(c.names))
	for i, name := range c.names {
		each[i] = fmt.Sprintf("%s: %d", name, c.rows[i])
	}
	fmt.Fprintf(w, "rows of named outputs are not kept here (%s); mrctl run -o DIR keeps them\n", strings.Join(each, ", "))
}
