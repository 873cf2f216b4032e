package sched

import (
	"fmt"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// timer is something to do at a time.
type timer struct {
	at     time.Time
	seq    uint64 // by arming; breaks ties
	job    *job   // the job among whose timers it is, or nil
	fire   func()
	inHeap int
	inJob  int
}

func sooner(a, b *timer) bool {
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	return a.seq < b.seq
}

// arm sets a timer; with a job, the job's end disarms it.
func (s *Scheduler) arm(at time.Time, j *job, fire func()) *timer {
	s.armed++
	t := &timer{at: at, seq: s.armed, job: j, fire: fire}
	s.timers.add(t)
	if j != nil {
		j.timers.add(t)
	}
	return t
}

// disarm takes a timer away; nil and one that has fired are fine.
func (s *Scheduler) disarm(t *timer) {
	if t == nil {
		return
	}
	s.timers.remove(t)
	if t.job != nil {
		t.job.timers.remove(t)
	}
}

// wake does what is due.
func (s *Scheduler) wake() {
	for {
		t, ok := s.timers.top()
		if !ok || t.at.After(s.now) {
			break
		}
		s.disarm(t)
		t.fire()
	}
	for n := s.silent.head; n != nil && !s.silentUntil(n).After(s.now); n = s.silent.head {
		s.stalled(n.of)
	}
	for at, ok := s.starvesAt(); ok && !at.After(s.now); at, ok = s.starvesAt() {
		s.starve(s.idle.head.of)
	}
}

// listen notes that a running attempt moved. A hungry one may be still for as long as its maps take.
func (s *Scheduler) listen(a *attempt) {
	if s.cfg.AttemptStall > 0 && !a.isHungry {
		s.silent.touch(&a.moved, s.now)
	}
}

func (s *Scheduler) silentUntil(n *node[*attempt]) time.Time { return n.at.Add(s.cfg.AttemptStall) }

// stalled stops an attempt that does not move and counts it as failed at once: a worker that hangs may never answer.
func (s *Scheduler) stalled(a *attempt) {
	t := a.task
	text := fmt.Sprintf("no progress for %v", s.cfg.AttemptStall)
	s.noteAttempt(a.job, NoteAttemptStalled, a, "%s", text)
	s.touch(a.job)
	s.stop(a, text)
	s.failed(t, a, errs.UserCode, text, false)
}

// touch notes that a job moved.
func (s *Scheduler) touch(j *job) {
	j.moved.at = s.now
	if j.moved.in {
		s.idle.touch(&j.moved, s.now)
	}
}

// watch follows on any change of a job: what of it is ready, whether its attempts race, and its place in idle, where the running jobs are of which
// nothing runs, or only what waits for something that does not. Entering counts as a move: something just ended.
func (s *Scheduler) watch(j *job) {
	ready := j.ready()
	s.ready += ready - j.counted
	j.counted = ready
	running := j.counts[Map][taskRunning] + j.counts[Reduce][taskRunning]
	if raced := j.state == jobRunning && !j.noBackup && running > 0; raced != j.raced {
		j.raced = raced
		if raced {
			s.raced++
		} else {
			s.raced--
		}
	}
	idle := j.state == jobRunning && running == j.hungry
	switch {
	case !idle:
		s.idle.remove(&j.moved)
	case !j.moved.in:
		s.idle.touch(&j.moved, s.now)
	}
}

// starvesAt is when the job idle for longest is given up, if nothing changes. While there is capacity none is: a job
// may wait for others as long as it takes.
func (s *Scheduler) starvesAt() (time.Time, bool) {
	n := s.idle.head
	if n == nil || s.usable > 0 {
		return time.Time{}, false
	}
	from := n.at
	if s.drySince.After(from) {
		from = s.drySince
	}
	return from.Add(s.cfg.StallAfter), true
}

// starve fails a job that nothing can move, and says why.
func (s *Scheduler) starve(j *job) {
	s.wind(j, End{Kind: errs.Unavailable, Reason: fmt.Sprintf("no progress for %v and no capacity: %s", s.cfg.StallAfter, s.drought())})
}

// drought says why there is no capacity. It walks over the workers, but only once for a job that ends.
func (s *Scheduler) drought() string {
	draining, slots := 0, 0
	for _, w := range s.workers {
		if w.state == workerDraining {
			draining++
		} else {
			slots += w.slots
		}
	}
	switch n := len(s.workers); {
	case n == 0:
		return "no worker is registered"
	case draining == n:
		return fmt.Sprintf("registered: %s, draining all", many(n, "worker"))
	case slots == 0:
		return fmt.Sprintf("registered: %s, %d draining and none of the others with a slot", many(n, "worker"), draining)
	}
	return fmt.Sprintf("registered: %s, %d draining, and the %s of the others held by attempts that were told to stop and do not",
		many(len(s.workers), "worker"), draining, many(slots, "slot"))
}
