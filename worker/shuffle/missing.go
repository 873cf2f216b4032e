package shuffle

import (
	"fmt"

	"github.com/mrctl/mrctl/internal/errs"
)

// Missing is a run that cannot be had from where it should be.
type Missing struct {
	Worker        string
	Task, Attempt uint32 // the map attempt
	Why           string
}

// MissingError says which runs are gone; their maps must run again. Its kind is Unavailable. Nothing is wrong with the
// attempt that found it.
type MissingError struct{ Runs []Missing }

// Error names the first run, and how many there are.
func (e *MissingError) Error() string {
	if len(e.Runs) == 0 {
		return "no runs are missing"
	}
	m := e.Runs[0]
	s := fmt.Sprintf("run of map task %d, attempt %d on worker %s: %s", m.Task, m.Attempt, m.Worker, m.Why)
	if n := len(e.Runs) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more runs)", n)
	}
	return s
}

// Unwrap gives the error its kind.
func (e *MissingError) Unwrap() error { return errs.New(errs.Unavailable, "runs are gone") }
