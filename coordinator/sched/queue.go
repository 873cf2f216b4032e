package sched

// goesFirst orders jobs in line: by priority, then first come, first served.
func goesFirst(a, b *job) bool {
	if a.priority != b.priority {
		return a.priority > b.priority
	}
	return a.seq < b.seq
}

// startable is the phase of which a ready task waits for a slot. Reduces are ready when all maps are done; before that
// they may have what is left (see early.go).
func (j *job) startable() (Phase, bool) {
	switch {
	case j.state != jobRunning:
		return Map, false
	case j.counts[Map][taskQueued] > 0:
		return Map, true
	}
	return Reduce, j.counts[Reduce][taskQueued] > 0 && j.complete(Map) && !j.uncut
}

// offer puts a job in line if it has something to start. One that has nothing any more leaves when it is met there.
func (s *Scheduler) offer(j *job) {
	s.cut(j)
	if j.ready() > 0 && !s.line.has(j) {
		s.line.add(j)
	}
	if j.mayStartEarly() && !s.early.has(j) {
		s.early.add(j)
	}
}

// maxPassed bounds how many jobs one dispatch passes over because the only free worker is one they avoid. Those behind
// get their turn when another worker frees a slot, which it does: every attempt ends, or yields.
const maxPassed = 16

// dispatch starts tasks while there are free slots: first in line, on the least loaded worker. Then backups of slow
// attempts, then reduces that may start early get what is left, or give back what others want.
func (s *Scheduler) dispatch() {
	var passed []*job
	for s.free.len() > 0 && len(passed) < maxPassed {
		j, ok := s.line.top()
		if !ok {
			break
		}
		phase, ok := j.startable()
		if !ok {
			s.line.remove(j)
			continue
		}
		if !s.place(j, phase) {
			s.line.remove(j)
			passed = append(passed, j)
		}
	}
	s.race()
	passed = append(passed, s.startEarly()...)
	for _, j := range passed {
		s.offer(j)
	}
	s.yield()
}

// place starts one task of a job. It reports false if each one it looked at avoids the only free worker.
func (s *Scheduler) place(j *job, phase Phase) bool {
	w, _ := s.free.top()
	other, choice := s.free.second()
	t := j.pick(phase, func(t *task) bool { return choice || t.avoid != w || s.active < 2 })
	if t == nil {
		return false
	}
	if t.avoid == w && choice {
		w = other
	}
	s.start(t, w)
	return true
}

// maxLook bounds how far pick looks for a task that may go to the worker at hand.
const maxLook = 8

// pick finds a queued task that may start: one that was queued again before a fresh one, so that what is broken shows
// early and reduces do not wait.
func (j *job) pick(phase Phase, may func(*task) bool) *task {
	q := &j.again[phase]
	for i := 0; i < q.len() && i < maxLook; {
		t := &j.tasks[phase][q.get(i)]
		switch {
		case t.state != taskQueued: // adopted or finished meanwhile, or entered twice
			q.cut(i)
		case may(t):
			q.cut(i)
			return t
		default:
			i++
		}
	}
	for ; int(j.fresh[phase]) < len(j.tasks[phase]); j.fresh[phase]++ {
		if t := &j.tasks[phase][j.fresh[phase]]; t.state == taskQueued && !t.again {
			return t // the cursor moves on once it runs
		}
	}
	return nil
}

// deque is a first-in, first-out queue that can also give up one of its first entries.
type deque struct {
	items []int32
	head  int
}

func (d *deque) len() int        { return len(d.items) - d.head }
func (d *deque) get(i int) int32 { return d.items[d.head+i] }
func (d *deque) push(x int32)    { d.items = append(d.items, x) }

// cut removes the i-th entry from the front, moving the i before it.
func (d *deque) cut(i int) {
	copy(d.items[d.head+1:d.head+i+1], d.items[d.head:d.head+i])
	d.head++
	if d.head > 32 && d.head*2 > len(d.items) {
		d.items = d.items[:copy(d.items, d.items[d.head:])]
		d.head = 0
	}
}
