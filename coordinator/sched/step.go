package sched

import (
	"fmt"
	"time"
)

// Step takes one event and says what is to be done about it, in order. now never goes back; if it does, the latest
// time seen counts.
func (s *Scheduler) Step(now time.Time, e Event) []Effect {
	if s.now.IsZero() {
		s.drySince = now // no worker from the start
	}
	if now.After(s.now) {
		s.now = now
	}
	s.out = nil
	switch e := e.(type) {
	case Admit:
		s.admit(e)
	case Join:
		s.join(e)
	case Lose:
		if w := s.workers[e.Worker]; w != nil {
			s.lose(w, e.Reason)
		}
	case Drain:
		s.drain(e.Worker)
	case Progress:
		s.progress(e)
	case Done:
		s.done(e)
	case Fail:
		s.fail(e)
	case Tail:
		s.tail(e)
	case CutDone:
		s.cutDone(e.Job)
	case Stopped:
		s.stopped(e)
	case Cancel:
		s.cancel(e)
	case Committed:
		s.committed(e.Job)
	case CommitFailed:
		s.commitFailed(e)
	case Ended:
		s.ended(e.Job)
	case Tick:
	default:
		panic(fmt.Sprintf("sched: unknown event %T", e))
	}
	s.wake() // after the event: a report that came in time counts before the limit it met
	s.parole()
	s.feedAll()
	s.dispatch()
	return s.out
}

func (s *Scheduler) emit(e Effect) { s.out = append(s.out, e) }

// progress notes that an attempt moves. One that has been told to stop gets no more time for it.
func (s *Scheduler) progress(e Progress) {
	j := s.jobs[e.ID.Job]
	if j == nil {
		return
	}
	t := j.task(e.ID.TaskID)
	if t == nil {
		return
	}
	if a := t.find(e.ID); a != nil {
		a.landed = max(a.landed, int32(e.Landed))
		a.pace.heard(s.now, e.Done, e.Total)
		s.judge(a)
		s.listen(a)
		s.touch(j)
	}
}

// done takes the good end of an attempt, current or not, known or not: what it made is what counts.
func (s *Scheduler) done(e Done) {
	w, a := s.find(e.Worker, e.ID)
	if a != nil {
		w.done++
		s.well++
		s.measure(a, e.Work)
		s.finish(a, attemptDone)
		w.barredBefore = 0
		s.acquit(w, a, "an attempt was done there")
	}
	j := s.jobs[e.ID.Job]
	if j == nil {
		if st := s.strays[e.ID.Job]; st != nil {
			st.done = append(st.done, e)
		}
		return
	}
	defer s.quiesce(j)
	t := j.task(e.ID.TaskID)
	if t == nil || j.over() {
		return
	}
	s.touch(j)
	switch {
	case !j.shuffles(t):
		if e.ID.Gen == j.gen && t.state != taskDone {
			s.won(t, e.ID.Attempt, e.Worker, e.Consumed)
		}
	case w != nil || e.Stored: // else the output went with its worker
		if w != nil {
			s.hold(t, output{worker: w, attempt: e.ID.Attempt, digest: e.Digest})
		}
		if e.Stored {
			s.hold(t, output{worker: s.store, attempt: e.ID.Attempt, digest: e.Digest})
		}
		if t.state != taskDone {
			s.markDone(t)
			s.noteTask(t, NoteAttemptDone, e.Worker, e.ID.Attempt, "%d of %d maps done", j.counts[Map][taskDone], len(j.tasks[Map]))
			s.proceed(j, Map)
		}
	}
}

// fail takes the bad end of an attempt. One that was told to stop has been accounted for already.
func (s *Scheduler) fail(e Fail) {
	w, a := s.find(e.Worker, e.ID)
	if a == nil {
		return
	}
	stopping := a.state == attemptStopping
	lost := e.Lost || len(e.Missing) > 0
	if lost {
		s.finish(a, attemptLost)
	} else {
		if !stopping {
			w.failed++
		}
		s.finish(a, attemptFailed)
	}
	j, t := a.job, a.task
	if j == nil {
		return
	}
	defer s.quiesce(j)
	if stopping || t == nil || j.over() {
		return
	}
	s.touch(j)
	switch {
	case len(e.Missing) > 0:
		s.starved(t, a, e)
	case lost:
		s.refused(t, a, e.Error)
	default:
		s.failed(t, a, e.Kind, e.Error, e.final())
	}
}

// stopped takes the end of an attempt that was told to stop, or that a draining worker hands back.
func (s *Scheduler) stopped(e Stopped) {
	_, a := s.find(e.Worker, e.ID)
	if a == nil {
		return
	}
	asked := a.state == attemptStopping
	s.finish(a, attemptStopped)
	j, t := a.job, a.task
	if j == nil {
		return
	}
	defer s.quiesce(j)
	if asked || t == nil || j.over() {
		s.noteAttempt(j, NoteAttemptStopped, a, "as ordered")
		return
	}
	s.touch(j)
	s.refused(t, a, "the worker handed it back")
}
