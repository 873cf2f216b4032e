package sched

import "fmt"

// Kinds of Note.
const (
	NoteJobAdmitted     = "job-admitted"
	NoteJobOpened       = "job-opened" // the wait for the workers of the old leader is over
	NoteJobCommitting   = "job-committing"
	NoteJobRecommit     = "job-recommit"  // winners proved unusable and run again
	NoteInputsDiffer    = "inputs-differ" // two attempts of one map gave different outputs, and reduces rest on both
	NoteJobDone         = "job-done"
	NoteJobFailed       = "job-failed"
	NoteJobCanceled     = "job-canceled"
	NoteJobEnded        = "job-ended"
	NoteCancelIgnored   = "cancel-ignored"
	NoteStageDone       = "stage-done"
	NoteAttemptStarted  = "attempt-started"
	NoteAttemptAdopted  = "attempt-adopted" // found running on a worker that joined
	NoteAttemptDone     = "attempt-done"
	NoteAttemptFailed   = "attempt-failed"
	NoteAttemptLost     = "attempt-lost"
	NoteAttemptStalled  = "attempt-stalled"
	NoteAttemptSlow     = "attempt-slow" // it gets a rival, and the numbers of that decision
	NoteTaskCut         = "task-cut"     // the unread tail of a slow map became tasks of their own
	NoteAttemptStopping = "attempt-stopping"
	NoteAttemptStopped  = "attempt-stopped"
	NoteAttemptYielded  = "attempt-yielded"  // a reduce that waited for runs gave its slot to a task that could go on
	NoteWorkerBarred    = "worker-probation" // attempts keep ending badly on a worker: it gets nothing for a while
	NoteWorkerBack      = "worker-back"      // it is as any other again
	NoteTaskKept        = "task-kept"        // an output made before is used
	NoteTaskRetry       = "task-retry"       // when the next attempt may start, and why
	NoteMapsRerun       = "maps-rerun"       // finished maps run again: their runs are gone
)

func (s *Scheduler) noteJob(j *job, kind, format string, args ...any) {
	s.emit(Note{Job: j.id, Kind: kind, Text: fmt.Sprintf(format, args...)})
}

func (s *Scheduler) noteTask(t *task, kind string, w WorkerID, attempt int32, format string, args ...any) {
	id := t.id()
	s.emit(Note{Job: id.Job, Kind: kind, Task: &id, Attempt: attempt, Worker: w, Text: fmt.Sprintf(format, args...)})
}

func (s *Scheduler) noteAttempt(j *job, kind string, a *attempt, format string, args ...any) {
	id := a.id.TaskID
	s.emit(Note{Job: j.id, Kind: kind, Task: &id, Attempt: a.id.Attempt, Worker: a.worker.id, Text: fmt.Sprintf(format, args...)})
}

// String is "map" or "reduce".
func (p Phase) String() string {
	if p == Reduce {
		return "reduce"
	}
	return "map"
}

// label names a task for people, and its stage but the first; its job is known from where it is said.
func (id TaskID) label() string {
	if id.Stage == 0 {
		return fmt.Sprintf("%v %d", id.Phase, id.Index)
	}
	return fmt.Sprintf("%d:%v %d", id.Stage+1, id.Phase, id.Index)
}

// many is "1 worker", "2 workers".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
