package sched

import (
	"fmt"
	"slices"
)

// Each kind of thing has a type for its states, a table of the legal transitions, and one function that moves it
// (setTask, setJob, attempt.to, worker.to). A move that is not in the table is a bug of this package and panics: going
// on would hand out wrong orders. testdata/transitions.dot draws the tables.

type taskState uint8

const (
	taskQueued  taskState = iota // may start as soon as its phase is open and a slot is free
	taskBackoff                  // waits for its time
	taskRunning                  // has a current attempt
	taskDone                     // has a winner; a map of a job with reduces: has an output
	taskDead                     // has used up its attempts; its job is ending
)

var taskNext = [...][]taskState{
	taskQueued:  {taskRunning, taskDone},             // done: by a late report or a worker that holds the output
	taskBackoff: {taskQueued, taskRunning, taskDone}, // running: adopted
	taskRunning: {taskDone, taskQueued, taskBackoff, taskDead},
	taskDone:    {taskQueued}, // the runs are gone, or the winner has proved unusable
	taskDead:    {},
}

type attemptState uint8

const (
	attemptRunning  attemptState = iota
	attemptStopping              // told to stop; never its task's current attempt
	attemptDone
	attemptFailed
	attemptLost
	attemptStopped
)

var attemptNext = [...][]attemptState{
	attemptRunning:  {attemptStopping, attemptDone, attemptFailed, attemptLost, attemptStopped},
	attemptStopping: {attemptDone, attemptFailed, attemptLost, attemptStopped},
	attemptDone:     {},
	attemptFailed:   {},
	attemptLost:     {},
	attemptStopped:  {},
}

type jobState uint8

const (
	jobAwaiting jobState = iota // waits for the workers said to hold its runs, if there are any
	jobRunning
	jobCommitting // Commit is out
	jobStopping   // failed or canceled; waits for its attempts to stop
	jobEnding     // End is out
	jobGone       // forgotten by everyone
)

var jobNext = [...][]jobState{
	jobAwaiting:   {jobRunning, jobCommitting, jobStopping},
	jobRunning:    {jobCommitting, jobStopping},
	jobCommitting: {jobAwaiting, jobGone}, // awaiting: a winner has proved unusable
	jobStopping:   {jobEnding},
	jobEnding:     {jobGone},
	jobGone:       {},
}

type workerState uint8

const (
	workerActive   workerState = iota
	workerBarred               // on probation: takes none for a while
	workerProbing              // on probation: takes one, to be tried
	workerDraining             // takes no more attempts
	workerGone
)

var workerNext = [...][]workerState{
	workerActive:   {workerBarred, workerDraining, workerGone},
	workerBarred:   {workerProbing, workerActive, workerDraining, workerGone},
	workerProbing:  {workerActive, workerBarred, workerDraining, workerGone},
	workerDraining: {workerGone},
	workerGone:     {},
}

var (
	taskNames    = [...]string{"queued", "backoff", "running", "done", "dead"}
	attemptNames = [...]string{"running", "stopping", "done", "failed", "lost", "stopped"}
	jobNames     = [...]string{"awaiting", "running", "committing", "stopping", "ending", "gone"}
	workerNames  = [...]string{"active", "barred", "probing", "draining", "gone"}
)

func (s taskState) String() string    { return taskNames[s] }
func (s attemptState) String() string { return attemptNames[s] }
func (s jobState) String() string     { return jobNames[s] }
func (s workerState) String() string  { return workerNames[s] }

// move sets *at to the state to if the table allows it.
func move[S interface {
	~uint8
	fmt.Stringer
}](what any, table [][]S, at *S, to S) {
	if !slices.Contains(table[*at], to) {
		panic(fmt.Sprintf("sched: %v: no transition %v to %v", what, *at, to))
	}
	*at = to
}
