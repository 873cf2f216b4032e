package suspect

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// HungError says that the plugin did not come back from a record in time.
type HungError struct {
	Limit time.Duration // of a record
}

// Error says so.
func (e *HungError) Error() string {
	return fmt.Sprintf("Map did not come back from a record within %v (--record-timeout)", e.Limit)
}

// Blame says what an attempt's error tells of the records it was at.
type Blame int

// The kinds of blame.
const (
	Nobody   Blame = iota // it is about something else, or an error that the job's function returned on purpose
	Somebody              // the process died; it may have been for a record of another attempt
	ThisOne               // it hung, or a panic befell it: it was a record of this attempt
)

// Of says whom an error of a map attempt blames.
func Of(err error) Blame {
	var hung *HungError
	var failure *boundary.Failure
	switch {
	case errors.As(err, &hung):
		return ThisOne
	case errors.As(err, &failure):
		if failure.Stack != "" {
			return ThisOne
		}
	case errors.Is(err, pluginhost.ErrDied):
		return Somebody
	}
	return Nobody
}

// deathOf is what an error of a stream, to which rows were sent from lo on, tells; nil: it is no death.
func deathOf(err error, lo int) *death {
	if Of(err) == Nobody {
		return nil
	}
	d := &death{why: err, row: -1}
	if f := (*boundary.Failure)(nil); errors.As(err, &f) {
		d.why = errors.New(f.Text) // whoever runs the job finds the stack in its log
		if f.HasRecord {
			d.row, d.sure = lo+int(f.Row), true
		}
	}
	return d
}

// clip bounds what is said of a record, and makes it valid UTF-8.
func clip(s string) string {
	const most = 4 << 10
	return strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD")
}
