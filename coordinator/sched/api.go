// Package sched decides which attempt of which task runs on which worker. It is a pure state machine: events go in,
// effects come out; it has no clock, disk, network or goroutine, and its only randomness is a seed. The server around
// it (package coordinator) turns what happens into events and carries the effects out.
//
// The duties of whoever drives it:
//
//  1. Call Step with one event at a time, with a time that never goes back.
//  2. Carry out the effects in order. An effect that cannot be carried out becomes an event (a Start that cannot be
//     sent is the WorkerLost of its worker).
//  3. Call Step with Tick at the time NextWake gives.
//  4. After Commit or End, make the decision durable and answer with Committed or Ended.
//  5. Carry out Release before any later Start: the slots of a released job count as free at once.
//
// An event about something unknown (a job that has ended, a worker that is gone, an attempt reported twice) is ignored:
// late and duplicated reports are part of the trade. Slices and maps inside events belong to the scheduler from then on.
package sched

import (
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// JobID, WorkerID name jobs and worker incarnations.
type (
	JobID    string
	WorkerID string
)

// Phase is map or reduce.
type Phase uint8

const (
	Map Phase = iota
	Reduce
)

// TaskID names a task of a job, of the stage that the job was admitted with.
type TaskID struct {
	Job   JobID
	Stage int32
	Phase Phase
	Index int32
}

// AttemptID names one try of a task. Gen is the generation of the job it belongs to.
type AttemptID struct {
	TaskID
	Attempt int32
	Gen     int32
}

// Digest is the digest of everything a map attempt put out; equal digests mean equal output.
type Digest [16]byte

// InStore stands for a worker that holds outputs: those that lie in the store, where no worker's end reaches them.
const InStore WorkerID = "store"

// MapOutput is a finished map attempt held by a worker.
type MapOutput struct {
	ID     AttemptID
	Digest Digest
}

// Consumed says which map attempts a finished reduce rests on: for map task i, Attempts[i] and Digests[i].
type Consumed struct {
	Attempts []int32
	Digests  []Digest
}

// Event is what happened.
type Event interface{ event() }

// Admit brings in a job: a new one, or one that a new leader has claimed.
type Admit struct {
	Job           JobID
	Stage         int32 // what belongs to another is ignored
	Priority      int
	Maps, Reduces int // tasks; Reduces 0 is a map-only job, whose map attempts write the output
	MaxAttempts   int
	NoBackup      bool // slow attempts get no rivals
	Gen           int32
	// Tails says that tails may be cut off the job's slow maps: no leader but this one has had the job, and it shuffles.
	Tails bool
	// Uncut says that the reduces are ranges of keys that have not been cut yet: none starts before Cut has been answered.
	Uncut bool
	// Finished are the tasks with a winning record under Gen (reduces, and maps of map-only jobs).
	Finished map[TaskID]Consumed
	// Stored are the outputs of maps that lie in the store.
	Stored []MapOutput
	// FirstAttempt is a number no attempt of this job has had; attempts of a new leader start here.
	FirstAttempt int32
	// Strict ends the job where its maps turn out not to be deterministic, rather than run reduces again.
	Strict bool
	// Redone counts the generations begun so far for that reason. Published says that parts of an earlier generation may
	// be visible: their reduces cannot be run again.
	Redone    int
	Published bool
	// Await are the workers said to hold the job's runs; nothing is started until all have joined or AwaitUntil.
	Await      []WorkerID
	AwaitUntil time.Time
}

// Join registers a worker, with what it is running and holds already.
type Join struct {
	Worker  WorkerID
	Slots   int
	Running []AttemptID
	Held    []MapOutput
}

// Lose says that a worker is gone, however that was noticed. The one event for it.
type Lose struct {
	Worker WorkerID
	Reason string
}

// Drain says that a worker takes no more attempts; what runs there goes on.
type Drain struct{ Worker WorkerID }

// Progress says that an attempt moved on (records, bytes or runs grew). It feeds the watchdog. Landed is how many map
// tasks' runs a reduce holds: one that holds them all waits for nobody.
//
// Done and Total are its work, done and in all, in a unit that is one for all tasks of a phase: bytes of input of maps,
// rows of reduces. Total is 0 where it is not known (yet).
type Progress struct {
	ID          AttemptID
	Landed      int
	Done, Total int64
}

// Done ends an attempt well. For a reduce the winning record exists (this attempt's or another's).
type Done struct {
	ID       AttemptID
	Worker   WorkerID
	Work     int64     // all it did, in the unit of Progress; 0: not known
	Digest   Digest    // maps
	Stored   bool      // maps: the output lies in the store, too; such a Done may follow an earlier one
	Consumed *Consumed // reduces: of the winning record; required where the job has maps
}

// Fail ends an attempt badly. Lost marks ends that are not the job's fault: they are not counted.
// Final says that no attempt of the task can do better, as Invalid does too.
// Missing names map attempts whose runs it could not get, At who was to have each; shorter, nobody knows of the rest.
type Fail struct {
	ID      AttemptID
	Worker  WorkerID
	Kind    errs.Kind
	Error   string
	Lost    bool
	Final   bool
	Missing []AttemptID
	At      []WorkerID
}

// Tail says that the part of a map's input that an attempt of it did not read is now so many new map tasks of the job. From
// now on other outputs of the map do not count: the driver drops them. The Done of the attempt may follow.
type Tail struct {
	Job     JobID
	Of      int32
	Attempt int32
	Tasks   int
}

// CutDone says that the ranges of keys of a job's reduces are durable. It answers Cut.
type CutDone struct{ Job JobID }

// Stopped ends an attempt that was told to stop.
type Stopped struct {
	ID     AttemptID
	Worker WorkerID
}

// Cancel asks for a job's end. Ignored once the job is committing.
type Cancel struct {
	Job    JobID
	Reason string
}

// Committed says that the job's output is published and its end is durable. It answers Commit.
type Committed struct{ Job JobID }

// CommitFailed says that a commit cannot go on: the winners named are unusable (their staged parts are gone); they are
// run again under a higher generation. It answers Redo too.
type CommitFailed struct {
	Job       JobID
	Gen       int32 // the new generation, durable already
	Lost      []TaskID
	Published bool // parts of other winners are visible
}

// Ended says that the failure or cancellation of a job is durable. It answers End; in answer to Commit it says that the
// driver has given the commit up for good and made that durable.
type Ended struct{ Job JobID }

// Tick says that time has passed.
type Tick struct{}

func (Admit) event()        {}
func (Join) event()         {}
func (Lose) event()         {}
func (Drain) event()        {}
func (Progress) event()     {}
func (Done) event()         {}
func (Fail) event()         {}
func (Tail) event()         {}
func (CutDone) event()      {}
func (Stopped) event()      {}
func (Cancel) event()       {}
func (Committed) event()    {}
func (CommitFailed) event() {}
func (Ended) event()        {}
func (Tick) event()         {}

// Effect is what is to be done about it.
type Effect interface{ effect() }

// Start orders an attempt. Sources, for a reduce, say where the chosen output of each map task lies: Sources[i] for map
// i, with no worker while there is none; Feed tells of those. The slice is shared between orders: read only.
type Start struct {
	Worker  WorkerID
	ID      AttemptID
	Sources []Source
}

// Source is where the output of a map task lies.
type Source struct {
	Worker  WorkerID
	Attempt int32
	Digest  Digest
}

// Feed tells a running reduce where runs lie that it did not know of, or believed elsewhere. What it has landed already of
// a map task it keeps, if the digest is the same. A source with no worker is gone and will be told of again. Sources may
// repeat what was told before. The slice is shared between orders: read only.
type Feed struct {
	Worker  WorkerID
	ID      AttemptID
	Sources []SourceOf
}

// SourceOf is the source of one map task.
type SourceOf struct {
	Map int32
	Source
}

// Stop orders an attempt to end; the worker answers with Stopped, Done or Fail.
type Stop struct {
	Worker WorkerID
	ID     AttemptID
	Reason string
}

// Yield asks a slow map attempt to end where it is and to leave the rest to others. If it does, what it reports does not fit
// its task: the driver asks Divide, and if it may, makes the cut durable and says so by Tail, else Fail.
type Yield struct {
	Worker WorkerID
	ID     AttemptID
}

// Commit asks for the job's output to be published: every task has its winner and their inputs are consistent.
type Commit struct{ Job JobID }

// Cut asks, once all maps are done, for the ranges of keys of the job's reduces to be made durable.
type Cut struct{ Job JobID }

// Redo asks for a new generation in which the winners named do not count: they rest on other outputs of a map than
// those that can be had. Their tasks run again once CommitFailed says that it is durable.
type Redo struct {
	Job   JobID
	Tasks []TaskID
}

// End asks for the job's failure or cancellation to be made durable. Canceled tells which. Cause is the attempt
// that was the first cause, where there is one.
type End struct {
	Job      JobID
	Canceled bool
	Kind     errs.Kind
	Reason   string
	Cause    *AttemptID
}

// Release tells every worker to forget a job; it follows Committed and Ended.
type Release struct{ Job JobID }

// Note is an entry of the job's history: a decision, and its reason.
type Note struct {
	Job     JobID
	Kind    string // "attempt-started", "attempt-done", "attempt-failed", "attempt-lost", "task-rerun", "stage-done", ...
	Task    *TaskID
	Attempt int32
	Worker  WorkerID
	Text    string
}

func (Start) effect()   {}
func (Feed) effect()    {}
func (Stop) effect()    {}
func (Yield) effect()   {}
func (Commit) effect()  {}
func (Cut) effect()     {}
func (Redo) effect()    {}
func (End) effect()     {}
func (Release) effect() {}
func (Note) effect()    {}

// Config holds the scheduler's times and limits. Zero fields mean the defaults named.
type Config struct {
	Seed         uint64
	BackoffBase  time.Duration // before the second attempt of a failing task; default 500 ms, doubled each time, full jitter
	BackoffMax   time.Duration // default 30 s
	StallAfter   time.Duration // a live job with no progress and no worker for so long fails; default 10 min
	AttemptStall time.Duration // an attempt with no progress for so long is stopped and counted as failed; default 10 min, <0 never
	MaxLosses    int           // a task lost with this many workers in a row is failed as their killer; default 8
	StopGrace    time.Duration // a job told to end waits so long for its attempts to stop; default 10 s
	StrayAfter   time.Duration // what a worker runs or holds of a job nobody admits is released after so long; default 1 min
	// ProbationAfter is how many attempts in a row must end badly on a worker, while others finish some, before it is put on
	// probation; default 3, <0 never. ProbationBase is how long it gets nothing then, doubled each time up to ProbationMax;
	// default 5 s and 5 min.
	ProbationAfter              int
	ProbationBase, ProbationMax time.Duration
	// SlowStart is the share of a job's maps, up to 1, that must be done before its reduces may have slots that nobody
	// else wants; default 0.5. At 1 they start when all maps are done.
	SlowStart float64
	Backup    Backup
}

// JobView is a snapshot of a job for people.
type JobView struct {
	Map, Reduce                  TaskCounts
	AttemptsFailed, AttemptsLost int
	Kept                         int // tasks finished before this leader admitted the job
	Redone                       int // generations begun because outputs of one map differed
}

// TaskCounts counts the tasks of a phase by state.
type TaskCounts struct{ Total, Done, Running, Waiting int }
