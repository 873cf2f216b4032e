package ledger

import "slices"

// Phase is how far a job is.
type Phase string

// Phases of a job. Queued is never written: it is how a job looks that is in the inbox and nowhere else.
const (
	Queued     Phase = "queued"
	Planning   Phase = "planning"
	Running    Phase = "running"
	Committing Phase = "committing" // the output is being published; it can no longer be cancelled
	Done       Phase = "done"
	Failed     Phase = "failed"
	Cancelled  Phase = "cancelled"
)

// next holds the legal steps of a job; staying in a phase is always one. What has no entry is the end.
var next = map[Phase][]Phase{
	Planning: {Running, Committing, Failed, Cancelled},
	Running:  {Committing, Failed, Cancelled},
	// Running only under a higher generation: a winner proved unusable. Planning only of the next stage.
	Committing: {Done, Failed, Running, Planning},
}

// Ended says that a job in this phase will never change again.
func (p Phase) Ended() bool { return p == Done || p == Failed || p == Cancelled }

// May says whether a job may go from p to q.
func (p Phase) May(q Phase) bool { return p == q && !p.Ended() || slices.Contains(next[p], q) }

// TaskPhase is one of the two kinds of task.
type TaskPhase string

// The two kinds of task.
const (
	Map    TaskPhase = "map"
	Reduce TaskPhase = "reduce"
)
