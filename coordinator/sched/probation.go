package sched

import "time"

// A worker on which attempts keep ending badly that others can run gets no more of them for a while: a circuit breaker.
//
//   - The bad end of an attempt is charged to its worker, unless the task ends badly on another one, too: then it is the
//     task that is to blame, and the charge is taken back. Runs that could not be had are charged to nobody here.
//   - After Config.ProbationAfter charges with no attempt done between them, while others did finish some, the worker is
//     on probation: it gets nothing for a time that doubles from one probation to the next. What runs there goes on.
//   - Then it is given one attempt, the probe, if no other worker has a slot for it. Any attempt that is done there ends the
//     probation; a charge begins the next one.
//   - The last worker that takes attempts is never put on probation, and when there is no other any more it ends.

// strike charges w for the bad end of a, or finds the task to blame.
func (s *Scheduler) strike(t *task, a *attempt) {
	w := a.worker
	switch {
	case s.cfg.ProbationAfter < 0 || w.state == workerDraining || w.state == workerGone || t.guilty:
		return
	case t.struck != nil && t.struck != w:
		t.guilty = true
		t.struck.strikes = max(0, t.struck.strikes-1)
		return
	case w.strikes == 0:
		w.wellBefore = s.well
	}
	t.struck = w
	w.strikes++
	switch {
	case w.state == workerProbing && s.active < 2:
		s.acquit(w, a, "no other worker is left")
	case w.state == workerProbing, w.state == workerActive && w.strikes >= s.cfg.ProbationAfter && s.active > 1 && s.well > w.wellBefore:
		s.bar(w, a)
	}
}

// bar puts a worker on probation.
func (s *Scheduler) bar(w *worker, a *attempt) {
	pause := s.cfg.ProbationMax
	if w.barredBefore < 16 {
		pause = min(pause, s.cfg.ProbationBase<<w.barredBefore)
	}
	w.barredBefore++
	for _, b := range w.live.items {
		s.hungry.remove(&b.hunger) // its slot would be of no use to others
	}
	w.to(workerBarred)
	s.barred.add(w)
	w.probeDue = s.arm(s.now.Add(pause), nil, func() {
		s.unbar(w)
		w.to(workerProbing)
		w.probe = nil
		s.settle(w)
	})
	s.settle(w)
	s.noteAttempt(a.job, NoteWorkerBarred, a, "%s ended badly there that may do better elsewhere: the worker gets nothing for %v, then one attempt to try it",
		many(w.strikes, "attempt"), pause.Round(time.Millisecond))
}

// unbar takes a worker off the list of those that get nothing.
func (s *Scheduler) unbar(w *worker) {
	s.barred.remove(w)
	s.disarm(w.probeDue)
	w.probeDue = nil
}

// acquit clears a worker of its charges: it is as any other. a may be nil.
func (s *Scheduler) acquit(w *worker, a *attempt, why string) {
	w.strikes = 0
	if w.state != workerBarred && w.state != workerProbing {
		return
	}
	s.unbar(w)
	w.to(workerActive)
	w.probe = nil
	for _, b := range w.live.items {
		if b.isHungry {
			s.hungry.touch(&b.hunger, s.now)
		}
	}
	s.settle(w)
	if a != nil && a.job != nil {
		s.noteAttempt(a.job, NoteWorkerBack, a, "the worker is taken off probation: %s", why)
	}
}

// parole takes all workers off probation when no other takes attempts: they may be bad, but there is nobody better.
func (s *Scheduler) parole() {
	for s.active == 0 && s.barred.len() > 0 {
		s.acquit(s.barred.items[0], nil, "")
	}
}

// room is how many attempts a worker may have at present.
func (w *worker) room() int {
	switch w.state {
	case workerActive:
		return w.slots
	case workerProbing:
		if w.probe == nil {
			return min(w.slots, w.busy()+1)
		}
	}
	return 0
}

// outlook is how many slots of a worker can be had, now or when what runs there has ended.
func (w *worker) outlook() int {
	n := max(0, w.slots-w.stopping)
	switch w.state {
	case workerActive:
		return n
	case workerProbing:
		return min(n, 1)
	}
	return 0
}

// probing says, of an attempt that is the probe of its worker, that it is.
func (a *attempt) probing() string {
	if a.worker.probe != a {
		return ""
	}
	return "; the worker is on probation, and this is to try it"
}
