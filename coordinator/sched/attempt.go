package sched

import "fmt"

// attempt is one try of a task on a worker, from its Start (or its adoption) to the report that ends it. It holds a slot
// for all of that time.
type attempt struct {
	id     AttemptID
	worker *worker
	job    *job  // nil: nobody has admitted the job
	task   *task // nil: the job has no such task
	state  attemptState

	moved    node[*attempt] // in Scheduler.silent while running and not hungry
	pace     pace           // how fast it works, for backup.go
	landed   int32          // of a reduce: map tasks whose runs it says it holds
	asked    bool           // to leave its tail to others: see tail.go
	isHungry bool           // see early.go; only judge writes it
	hunger   node[*attempt] // in Scheduler.hungry while it is, on an active worker
	yields   *timer         // set while the slot that it was to give up is waited for
	untold   bool           // it may know other sources than this scheduler: tell it all
	inWorker int
	inJob    int
}

func (a *attempt) String() string {
	return fmt.Sprintf("attempt %d of %s on worker %s", a.id.Attempt, a.id.TaskID.label(), a.worker.id)
}

func (a *attempt) to(state attemptState) { move(a, attemptNext[:], &a.state, state) }

// current reports whether a is what its task waits for: its current attempt, or the rival of that.
func (a *attempt) current() bool { return a.task != nil && (a.task.current == a || a.task.rival == a) }

// occupy gives an attempt its slot.
func (s *Scheduler) occupy(w *worker, id AttemptID) *attempt {
	a := &attempt{id: id, worker: w}
	a.moved.of, a.hunger.of = a, a
	w.attempts[id] = a
	w.live.add(a)
	s.settle(w)
	return a
}

// find is the worker and the live attempt that a report is about; nil for what is unknown.
func (s *Scheduler) find(id WorkerID, at AttemptID) (*worker, *attempt) {
	w := s.workers[id]
	if w == nil {
		return nil, nil
	}
	return w, w.attempts[at]
}

// attach makes a the current attempt of t.
func (s *Scheduler) attach(a *attempt, t *task) {
	t.current = a
	t.next = max(t.next, a.id.Attempt+1)
	s.setTask(t, taskRunning)
	s.listen(a)
	s.judge(a)
	s.touch(t.job)
}

// start orders the next attempt of t on w.
func (s *Scheduler) start(t *task, w *worker) {
	j := t.job
	a := s.enlist(t, w)
	if w.state == workerProbing {
		w.probe = a
		s.settle(w)
	}
	s.attach(a, t)
	s.order(a)
	early := ""
	if a.isHungry {
		early = fmt.Sprintf("; early, with %d of %d maps done", j.counts[Map][taskDone], len(j.tasks[Map]))
	}
	s.noteAttempt(j, NoteAttemptStarted, a, "%d failed and %d lost before; slot %d of %d%s%s",
		t.failures, t.lostBefore, w.busy(), w.slots, early, a.probing())
}

// enlist makes the next attempt of t, on w.
func (s *Scheduler) enlist(t *task, w *worker) *attempt {
	s.turns++
	w.turn = s.turns
	a := s.occupy(w, AttemptID{TaskID: t.id(), Attempt: t.next, Gen: t.job.gen})
	a.job, a.task = t.job, t
	a.pace.start(s.now)
	t.job.live.add(a)
	return a
}

// order tells the worker of an attempt to start it.
func (s *Scheduler) order(a *attempt) {
	e := Start{Worker: a.worker.id, ID: a.id}
	if a.id.Phase == Reduce {
		e.Sources = a.job.sourceList()
	}
	s.emit(e)
}

// adopt takes in an attempt that a joining worker runs: it goes on if it is of use, else it is told to stop.
func (s *Scheduler) adopt(a *attempt, j *job) {
	t := j.task(a.id.TaskID)
	a.job, a.task = j, t
	j.live.add(a)
	why := ""
	switch {
	case t == nil:
		why = "the job has no such task"
	case j.state != jobAwaiting && j.state != jobRunning:
		why = "the job is " + j.state.String()
	case a.id.Gen != j.gen && !j.shuffles(t):
		why = fmt.Sprintf("it is of generation %d, the job is at %d", a.id.Gen, j.gen)
	case t.state == taskDone:
		why = "the task is done"
	case t.current != nil:
		why = fmt.Sprintf("attempt %d runs on worker %s", t.current.id.Attempt, t.current.worker.id)
	}
	if why != "" {
		s.stop(a, why)
		return
	}
	s.attach(a, t)
	if t.phase == Reduce {
		a.untold = true
		j.untold++
		s.stir(j)
	}
	t.losses, t.setbacks = 0, 0 // it was not lost after all
	s.noteAttempt(j, NoteAttemptAdopted, a, "found running; it goes on")
}

// stop orders a to end. Its task, if nothing else of it runs, waits for the caller to say what becomes of it.
func (s *Scheduler) stop(a *attempt, reason string) {
	if a.state != attemptRunning {
		return
	}
	a.to(attemptStopping)
	s.leave(a)
	a.worker.stopping++
	s.settle(a.worker)
	a.detach()
	s.emit(Stop{Worker: a.worker.id, ID: a.id, Reason: reason})
	s.noteAttempt(a.job, NoteAttemptStopping, a, "%s", reason)
}

// leave takes an attempt that no longer runs off the lists of those that do.
func (s *Scheduler) leave(a *attempt) {
	s.silent.remove(&a.moved)
	if a.job != nil {
		s.told(a)
		s.judge(a)
	}
}

// stopAll stops what runs of a job; the tasks are as if they had not been started.
func (s *Scheduler) stopAll(j *job, reason string) {
	for _, a := range j.live.items {
		current := a.current()
		s.stop(a, reason)
		if current && a.task.current == nil {
			s.setTask(a.task, taskQueued)
		}
	}
}

// finish ends an attempt and frees its slot. Its task, if nothing else of it runs, waits for the caller to say what
// becomes of it.
func (s *Scheduler) finish(a *attempt, state attemptState) {
	w := a.worker
	if a.state == attemptStopping {
		w.stopping--
	}
	a.to(state)
	s.leave(a)
	s.yielded(a)
	delete(w.attempts, a.id)
	w.live.remove(a)
	if w.probe == a {
		w.probe = nil
	}
	s.settle(w)
	if a.job != nil {
		a.job.live.remove(a)
	}
	a.detach()
}

// detach takes a from its task. A rival that goes on becomes the current attempt.
func (a *attempt) detach() {
	switch t := a.task; {
	case t == nil:
	case t.current == a:
		t.current, t.rival = t.rival, nil
	case t.rival == a:
		t.rival = nil
	}
}
