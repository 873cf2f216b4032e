package sched

import "time"

// worker is one session of a worker, from Join to Lose.
type worker struct {
	id       WorkerID
	slots    int
	state    workerState
	turn     uint64 // when it was last given work
	stopping int    // its attempts that were told to stop

	attempts map[AttemptID]*attempt
	live     bag[*attempt]
	holds    map[*job]*holding
	held     bag[*holding]

	hungry       int // reduces that wait for runs; only judge writes it
	usable       int // slots not held by attempts that were told to stop; 0 if it takes none. Only settle writes it
	done, failed int
	speed        float64   // its attempts' rates by those of their stages, of late; 0: not known
	slowAt       time.Time // when one of its attempts was last seen to be slow
	inFree       int

	// Of probation.go.
	strikes      int      // bad ends in a row that it is charged with
	wellBefore   int      // Scheduler.well at the first of them
	barredBefore int      // probations since it was last cleared by an attempt that was done
	probe        *attempt // while probing
	probeDue     *timer   // while barred
	inBarred     int
}

func (w *worker) String() string { return "worker " + string(w.id) }

// holder says of w that it has something.
func (w *worker) holder() string {
	if w.id == InStore {
		return "the store has"
	}
	return "worker " + string(w.id) + " holds"
}

func (w *worker) to(state workerState) { move(w, workerNext[:], &w.state, state) }

func (w *worker) busy() int { return w.live.len() }

// lessLoaded orders workers by the share of their slots in use, then by who was given work longest ago.
// Those that are to be tried come last.
func lessLoaded(a, b *worker) bool {
	if x, y := a.state == workerProbing, b.state == workerProbing; x != y {
		return y
	}
	if x, y := a.busy()*b.slots, b.busy()*a.slots; x != y {
		return x < y
	}
	return a.turn < b.turn
}

// settle follows on any change of a worker: its place among the free ones and its share of the capacity.
func (s *Scheduler) settle(w *worker) {
	switch free := w.busy() < w.room(); {
	case !free:
		s.free.remove(w)
	case s.free.has(w):
		s.free.fix(w)
	default:
		s.free.add(w)
	}
	usable := w.outlook()
	if usable == w.usable {
		return
	}
	s.active += min(usable, 1) - min(w.usable, 1)
	s.usable += usable - w.usable
	w.usable = usable
	if s.usable == 0 {
		s.drySince = s.now
	}
}

func newWorker(id WorkerID, slots int) *worker {
	return &worker{
		id: id, slots: slots,
		attempts: map[AttemptID]*attempt{},
		live:     bag[*attempt]{at: func(a *attempt) *int { return &a.inWorker }},
		holds:    map[*job]*holding{},
		held:     bag[*holding]{at: func(h *holding) *int { return &h.inWorker }},
	}
}

// join registers a worker. A session it had before is lost first.
func (s *Scheduler) join(e Join) {
	if old := s.workers[e.Worker]; old != nil {
		s.lose(old, "the worker has opened a newer session")
	}
	s.turns++
	w := newWorker(e.Worker, max(0, e.Slots))
	w.turn = s.turns
	s.workers[w.id] = w
	s.settle(w)
	for held := e.Held; len(held) > 0; { // before what runs: a task that is done needs no attempt
		id, n := held[0].ID.Job, 1
		for n < len(held) && held[n].ID.Job == id {
			n++
		}
		if j := s.jobs[id]; j != nil {
			s.keepHeld(j, w, held[:n])
		} else {
			st := s.stray(id)
			st.held = append(st.held, strayRuns{worker: w, outputs: held[:n]})
		}
		held = held[n:]
	}
	for _, id := range e.Running {
		if w.attempts[id] != nil {
			continue
		}
		a := s.occupy(w, id)
		if j := s.jobs[id.Job]; j != nil {
			s.adopt(a, j)
		} else {
			st := s.stray(id.Job)
			st.attempts = append(st.attempts, a)
		}
	}
	s.arrived(w.id)
}

// lose is the one way in which a worker goes, however that was noticed. Its attempts are lost, not failed.
func (s *Scheduler) lose(w *worker, reason string) {
	s.unbar(w)
	w.to(workerGone)
	s.settle(w)
	delete(s.workers, w.id)
	// All of them end before any is acted on: what follows from one, such as the end of its job, gives orders to the
	// rest, and there is nobody to take them.
	type end struct {
		a       *attempt
		current bool
	}
	ends := make([]end, 0, w.live.len())
	for w.live.len() > 0 {
		a := w.live.items[0]
		ends = append(ends, end{a, a.current()})
		s.finish(a, attemptLost)
	}
	for _, e := range ends {
		j := e.a.job
		if j == nil {
			continue
		}
		switch {
		case e.current && j.over():
			if e.a.task.state == taskRunning {
				s.setTask(e.a.task, taskQueued)
			}
		case e.current:
			s.touch(j)
			s.lostWith(e.a.task, e.a, reason)
		}
		s.quiesce(j)
	}
	for w.held.len() > 0 {
		s.loseRuns(w.held.items[0], reason)
	}
}

func (s *Scheduler) drain(id WorkerID) {
	w := s.workers[id]
	if w == nil || w.state == workerDraining {
		return
	}
	s.unbar(w)
	w.to(workerDraining)
	s.settle(w)
	for _, a := range w.live.items {
		s.hungry.remove(&a.hunger) // its slot would be of no use to others
	}
}
