package sched

import (
	"fmt"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// setbackFactor times MaxLosses is how often in a row an attempt may end without fault of its task or death of its
// worker. Such ends come in swarms (a store away for minutes, runs lost while they are re-made), hence more of them.
const setbackFactor = 4

// final says that no attempt of the task can do better.
func (e Fail) final() bool { return e.Final || e.Kind == errs.Invalid }

// failed counts a failure of a task: it is tried again elsewhere after a while, or the job fails for it. final: it is of no
// use to try again.
func (s *Scheduler) failed(t *task, a *attempt, kind errs.Kind, text string, final bool) {
	j := t.job
	j.attemptsFailed++
	t.failures++
	t.losses, t.setbacks = 0, 0
	t.avoid = a.worker
	defer s.strike(t, a)
	s.noteAttempt(j, NoteAttemptFailed, a, "failure %d of %d, %v: %s", t.failures, j.maxAttempts, kind, text)
	switch {
	case t.current != nil && !final: // its rival goes on, and may yet do it
	case final:
		s.kill(t, a, kind, fmt.Sprintf("%s cannot succeed, it is not tried again: on worker %s: %s", a.id.TaskID.label(), a.worker.id, text))
	case int(t.failures) >= j.maxAttempts:
		s.kill(t, a, kind, fmt.Sprintf("%s failed %s, %d allowed; last on worker %s: %s",
			a.id.TaskID.label(), many(int(t.failures), "time"), j.maxAttempts, a.worker.id, text))
	default:
		s.delay(t, int(t.failures))
	}
}

// lostWith notes that a task's attempt went with its worker. That is not its fault, unless it happens each time.
func (s *Scheduler) lostWith(t *task, a *attempt, reason string) {
	t.losses++
	s.lost(t, a, fmt.Sprintf("worker lost: %s", reason))
	if t.current != nil {
		return // its rival goes on
	}
	if int(t.losses) >= s.cfg.MaxLosses {
		s.kill(t, a, errs.UserCode, fmt.Sprintf("%s was lost with %s in a row, so it is taken to kill them; the last was %s: %s",
			a.id.TaskID.label(), many(int(t.losses), "worker"), a.worker.id, reason))
		return
	}
	s.delay(t, int(t.losses+t.setbacks)-1)
}

// refused notes that a worker could not run or finish an attempt, or handed it back.
func (s *Scheduler) refused(t *task, a *attempt, text string) {
	s.lost(t, a, text)
	s.strike(t, a)
	s.setback(t, a, text)
}

// starved notes that a reduce could not get runs. The outputs it names are given up, and their maps run again.
func (s *Scheduler) starved(t *task, a *attempt, e Fail) {
	j := t.job
	s.lost(t, a, fmt.Sprintf("%s could not be had: %s", many(len(e.Missing), "run"), e.Error))
	n := 0
	for i, m := range e.Missing {
		if m.Job != j.id {
			continue
		}
		mt := j.task(m.TaskID)
		if mt == nil || !j.shuffles(mt) {
			continue
		}
		holder := mt.out.worker
		at := func(w *worker) bool { return i >= len(e.At) || e.At[i] == w.id } // a copy may lie elsewhere
		if s.discard(mt, func(o output) bool { return o.attempt == m.Attempt && at(o.worker) }) {
			mt.avoid = holder
			if s.bereft(mt) {
				n++
			}
		}
	}
	if n > 0 {
		s.noteJob(j, NoteMapsRerun, "%d of %s to run again: reduce %d could not get the runs", n, many(len(j.tasks[Map]), "map"), t.index)
	}
	s.setback(t, a, e.Error)
}

func (s *Scheduler) lost(t *task, a *attempt, text string) {
	t.job.attemptsLost++
	t.lostBefore++
	t.avoid = a.worker
	s.noteAttempt(t.job, NoteAttemptLost, a, "not counted: %s", text)
}

func (s *Scheduler) setback(t *task, a *attempt, text string) {
	t.setbacks++
	if t.current != nil {
		return // its rival goes on
	}
	if limit := setbackFactor * s.cfg.MaxLosses; int(t.setbacks) >= limit {
		s.kill(t, a, errs.Unavailable, fmt.Sprintf("%s could not be run %s in a row; last on worker %s: %s",
			a.id.TaskID.label(), many(int(t.setbacks), "time"), a.worker.id, text))
		return
	}
	s.delay(t, int(t.losses+t.setbacks)-1)
}

// delay lets a task wait its turn, after the n-th wait of a growing series; none for 0.
func (s *Scheduler) delay(t *task, n int) {
	wait := s.backoff(n)
	if wait <= 0 {
		s.setTask(t, taskQueued)
		return
	}
	s.setTask(t, taskBackoff)
	t.retry = s.arm(s.now.Add(wait), t.job, func() { s.setTask(t, taskQueued) })
	s.noteTask(t, NoteTaskRetry, "", t.next, "in %v", wait.Round(time.Millisecond))
}

// backoff is a random time up to a bound that doubles from BackoffBase to BackoffMax: full jitter, so that tasks that
// failed together do not come back together.
func (s *Scheduler) backoff(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	bound := s.cfg.BackoffBase
	for ; n > 1 && bound < s.cfg.BackoffMax; n-- {
		bound *= 2
	}
	return time.Duration(s.rng.Int64N(int64(min(bound, s.cfg.BackoffMax)) + 1))
}

// kill fails the job for a task that has used up its chances.
func (s *Scheduler) kill(t *task, a *attempt, kind errs.Kind, reason string) {
	s.setTask(t, taskDead)
	s.stopTask(t, "the task has failed")
	cause := a.id
	s.wind(t.job, End{Kind: kind, Reason: reason, Cause: &cause})
}
