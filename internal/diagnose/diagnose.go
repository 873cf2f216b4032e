// Package diagnose names the first cause of a job's trouble, and what to do about it, from what is known of the job.
//
// Examine is a pure function: facts in, findings out. Each rule looks at one thing. Those of state.go ask whether the job
// can go on at all: is there a store, a leader, a worker? Those of signs.go know causes by what errors say; chain.go picks
// the error to ask about, which is the first of those that ended the job, not the last.
package diagnose

import (
	"time"

	"github.com/mrctl/mrctl/internal/ledger"
)

// Facts are what is known of a job. What is not known is left empty; nothing follows from that.
type Facts struct {
	Store  string         // its URI, for advice; empty: a run on this machine
	Refuse error          // why the store could not be read; nothing below is known then
	Job    ledger.Job     // its record
	Events []ledger.Event // its history, oldest first
	// Blocked is what the leader tries again and again.
	Blocked string
	// Leader is who leads by the lease; "" is nobody. Silent says why he does not answer; nil: he does, and so Workers is known.
	Leader  string
	Silent  error
	Workers []Worker
	// Ended says that the process that ran the job, alone on its machine, is no more.
	Ended bool
	Now   time.Time
}

// Worker is one that the leader knows.
type Worker struct {
	ID    string
	State string // ready, draining, probation
	Beat  time.Time
}

// Finding is a cause, and what follows from it.
type Finding struct {
	ID       string   `json:"id"`    // of the cause, for machines: "user-panic"
	Cause    string   `json:"cause"` // in a sentence
	Evidence []string `json:"evidence,omitempty"`
	Action   string   `json:"action"` // what to do
}

// Examine gives what it finds, the first cause first. There is always something, if only that nothing is wrong.
func Examine(f Facts) []Finding {
	var found []Finding
	for _, rule := range []func(Facts) *Finding{unreadable, abandoned, cancelled, leaderless, blocked, queued, workerless, first, worked} {
		if x := rule(f); x != nil {
			found = append(found, *x)
		}
		if f.Refuse != nil {
			break
		}
	}
	if len(found) == 0 {
		return []Finding{fine(f)}
	}
	return found
}
