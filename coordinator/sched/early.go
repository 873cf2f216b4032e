package sched

import "math"

// Reduces may start while maps still run: they fetch what there is, and are told of the rest as it comes (feed.go).
//
// A running reduce is hungry while it may lack runs: a map of its job is not done, and it has not said that it holds
// what it needs. Hungry reduces have the slots that nobody else wants, and no others:
//
//   - One is started only while no ready task waits in any job, and each map of its own job is done or running.
//   - While a ready task waits for a slot, hungry reduces yield: the one that began last is stopped and queued again.
//     It has neither failed nor been lost; a share of its fetching is done twice.
//
// So what a hungry reduce waits for never waits for the slot of a hungry reduce, and early starts take nothing from
// anybody. Invariant: while Scheduler.ready exceeds Scheduler.yielding, no reduce on an active worker is hungry.

// earlyAt is how many maps must be done before reduces may start early; all of them is never.
func (c Config) earlyAt(maps int) int {
	return max(1, int(math.Ceil(min(c.SlowStart, 1)*float64(maps))))
}

// ready is how many tasks of a job may start as soon as there is a slot. Early reduces are not among them.
func (j *job) ready() int {
	if j.state != jobRunning {
		return 0
	}
	n := j.counts[Map][taskQueued]
	if j.complete(Map) && !j.uncut {
		n += j.counts[Reduce][taskQueued]
	}
	return n
}

// mayStartEarly reports whether a reduce of a job may have a slot that nobody wants.
func (j *job) mayStartEarly() bool {
	maps := &j.counts[Map]
	return j.state == jobRunning && !j.uncut && j.counts[Reduce][taskQueued] > 0 && maps[taskRunning] > 0 &&
		maps[taskDone] >= j.earlyAt && maps[taskDone]+maps[taskRunning] == len(j.tasks[Map])
}

// startEarly gives the slots that are left to reduces of jobs whose maps still run. It gives the jobs that got none.
func (s *Scheduler) startEarly() (passed []*job) {
	for s.ready == 0 && s.free.len() > 0 && len(passed) < maxPassed {
		j, ok := s.early.top()
		if !ok {
			break
		}
		if !j.mayStartEarly() {
			s.early.remove(j)
			continue
		}
		if w, _ := s.free.top(); w.state != workerActive || w.hungry >= j.fairShare(w, s.usable) || !s.place(j, Reduce) {
			s.early.remove(j)
			passed = append(passed, j)
		}
	}
	return passed
}

// fairShare is how many reduces of a job a worker would get if all began at once. Early ones are no more: the workers
// that finish their maps first would get them all, and the others none.
func (j *job) fairShare(w *worker, slots int) int {
	left := len(j.tasks[Reduce]) - j.counts[Reduce][taskDone]
	return (left*w.slots + slots - 1) / slots
}

// yield takes slots from hungry reduces for the ready tasks that have none. A slot that was asked for counts as coming
// until Config.StopGrace has passed: a worker that hangs must not hold up what another could do.
func (s *Scheduler) yield() {
	for s.ready > s.yielding && s.hungry.tail != nil {
		s.giveUp(s.hungry.tail.of, "it waits for runs, and a task that can go on needs the slot")
	}
}

// giveUp stops a hungry reduce for its slot.
func (s *Scheduler) giveUp(a *attempt, reason string) {
	t := a.task
	s.stop(a, reason)
	s.setTask(t, taskQueued)
	s.noteAttempt(t.job, NoteAttemptYielded, a, "neither failed nor lost; %d of %d maps done", t.job.counts[Map][taskDone], len(t.job.tasks[Map]))
	s.yielding++
	a.yields = s.arm(s.now.Add(s.cfg.StopGrace), nil, func() { s.yielded(a) })
}

// yielded ends the wait for a slot that was asked for.
func (s *Scheduler) yielded(a *attempt) {
	if a.yields != nil {
		s.disarm(a.yields)
		a.yields = nil
		s.yielding--
	}
}

// judge finds out anew whether an attempt is hungry. A hungry one is not watched for progress: it waits for others.
func (s *Scheduler) judge(a *attempt) {
	j, w := a.job, a.worker
	hungry := a.current() && a.state == attemptRunning && a.id.Phase == Reduce &&
		j.state == jobRunning && !j.complete(Map) && int(a.landed) < len(j.tasks[Map])
	if hungry == a.isHungry {
		return
	}
	a.isHungry = hungry
	if hungry {
		j.hungry++
		w.hungry++
		s.silent.remove(&a.moved)
		if w.state == workerActive {
			s.hungry.touch(&a.hunger, s.now)
		}
	} else {
		j.hungry--
		w.hungry--
		s.hungry.remove(&a.hunger)
		if a.state == attemptRunning {
			a.pace.start(s.now) // how long it waited says nothing of how fast it is
			s.listen(a)
		}
	}
	s.watch(j)
}

// judgeAll judges the reduces of a job that run.
func (s *Scheduler) judgeAll(j *job) {
	if j.counts[Reduce][taskRunning] == 0 {
		return
	}
	for _, a := range j.live.items {
		s.judge(a)
	}
}
