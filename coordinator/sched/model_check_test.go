package sched

import (
	"fmt"
	"maps"
	"os"
	"slices"
)

// step hands an event to the scheduler, carries its effects out and checks both.
func (w *world) step(e Event) {
	w.Steps++
	switch e := e.(type) {
	case Join:
		w.slots[e.Worker] = map[AttemptID]bool{}
		for _, id := range e.Running {
			w.slots[e.Worker][id] = true
		}
	case Lose:
		delete(w.slots, e.Worker)
		w.Lost++
	case Done:
		delete(w.slots[e.Worker], e.ID)
	case Fail:
		delete(w.slots[e.Worker], e.ID)
	case Stopped:
		delete(w.slots[e.Worker], e.ID)
	}
	w.noteRivals(e)
	effects := w.s.Step(w.now, e)
	if w.verbose {
		fmt.Fprintf(os.Stderr, "%v %T %+v\n", w.now.Sub(zero), e, e)
	}
	for _, effect := range effects {
		if w.verbose {
			fmt.Fprintf(os.Stderr, "\t%s\n", describe(effect))
		}
		w.carryOut(effect)
	}
	if err := check(w.s); err != nil {
		w.failf("after %T %+v: %w", e, e, err)
	}
	for _, v := range w.s.Workers() {
		if n := len(w.slots[v.ID]); v.Busy != n {
			w.failf("after %T %+v: worker %s has %d slots in use, want %d", e, e, v.ID, v.Busy, n)
		}
	}
	if at := w.s.NextWake(); !at.IsZero() && !at.After(w.now) {
		w.failf("after %T %+v: wants to be woken at %v, it is %v", e, e, at, w.now)
	}
}

func (w *world) carryOut(effect Effect) {
	switch e := effect.(type) {
	case Start:
		w.checkStart(e)
		w.Starts++
		w.started[e.ID] = true
		w.slots[e.Worker][e.ID] = true
		if h := w.host(e.Worker); h.alive {
			o := &order{Start: e, landed: make([]Source, len(e.Sources))}
			o.Sources = slices.Clone(e.Sources) // Feed changes them
			if e.ID.Phase == Map {
				o.extent = w.job(e.ID.Job).extents[e.ID.Index]
			}
			h.running = append(h.running, o)
			w.land(h, o)
		}
	case Feed:
		w.checkFeed(e)
		if h := w.host(e.Worker); h.alive {
			w.feed(h, e)
		}
	case Yield:
		w.checkYield(e)
	case Stop:
		if !w.slots[e.Worker][e.ID] {
			w.failf("stop of %v on %s, where it does not run", e.ID, e.Worker)
		}
		w.host(e.Worker).stopping[e.ID] = true
	case Commit:
		w.checkCommit(w.job(e.Job))
		w.job(e.Job).answer = e
	case Cut:
		j := w.job(e.Job)
		if !j.sorted || j.asked || j.ranges || j.over || !w.s.jobs[j.id].complete(Map) {
			w.failf("the ranges of %s are asked for: %+v", e.Job, j)
		}
		j.asked = true
	case Redo:
		w.checkRedo(w.job(e.Job), e)
		w.job(e.Job).answer = e
	case End:
		j := w.job(e.Job)
		if j.answer != nil || j.over {
			w.failf("a second end of %s", e.Job)
		}
		j.answer = e
		if e.Canceled {
			w.Canceled++
		} else {
			w.Failed++
		}
	case Release:
		w.release(e.Job)
	case Note:
		if e.Text == "" || e.Kind == "" || w.job(e.Job) == nil {
			w.failf("a poor note: %+v", e)
		}
		if e.Kind == NoteAttemptAdopted {
			w.Adopted++
		}
		if e.Kind == NoteAttemptYielded {
			w.Yielded++
		}
		if e.Kind == NoteJobDone {
			w.Committed++
		}
	}
}

// noteRivals counts how backups and those they back end.
func (w *world) noteRivals(e Event) {
	of := func(id AttemptID) *task {
		if j := w.s.jobs[id.Job]; j != nil {
			if t := j.task(id.TaskID); t != nil && t.rival != nil && t.find(id) != nil {
				return t
			}
		}
		return nil
	}
	switch e := e.(type) {
	case Done:
		if t := of(e.ID); t != nil && t.rival.id == e.ID {
			w.BackupsWon++
		}
	case Fail:
		if of(e.ID) != nil {
			w.Upset++
		}
	}
}

// rivalsOf are the attempts of the same task that the scheduler lets run, and where.
func (w *world) rivalsOf(id AttemptID) map[AttemptID]WorkerID {
	beside := map[AttemptID]WorkerID{}
	if t := w.s.jobs[id.Job].task(id.TaskID); t != nil {
		for _, a := range []*attempt{t.current, t.rival} {
			if a != nil && a.id != id {
				beside[a.id] = a.worker.id
			}
		}
	}
	return beside
}

func (w *world) release(id JobID) {
	j := w.job(id)
	if !j.over && j.admitted {
		w.failf("release of %s, which is not over", id)
	}
	for at, slots := range w.slots {
		maps.DeleteFunc(slots, func(a AttemptID, _ bool) bool { return a.Job == id })
		h := w.host(at)
		h.running = slices.DeleteFunc(h.running, func(o *order) bool { return o.ID.Job == id })
		h.held = slices.DeleteFunc(h.held, func(m MapOutput) bool { return m.ID.Job == id })
	}
}

func (w *world) checkStart(e Start) {
	j, h := w.job(e.ID.Job), w.host(e.Worker)
	switch {
	case w.started[e.ID]:
		w.failf("%v is started twice", e.ID)
	case w.slots[e.Worker] == nil:
		w.failf("%v is started on %s, which is not there", e.ID, e.Worker)
	case len(w.slots[e.Worker]) >= h.slots:
		w.failf("%v is started on %s, whose %d slots are in use", e.ID, e.Worker, h.slots)
	case h.draining:
		w.failf("%v is started on %s, which drains", e.ID, e.Worker)
	case !j.admitted || j.over || j.answer != nil:
		w.failf("%v is started, its job is over", e.ID)
	case e.ID.Gen != j.gen:
		w.failf("%v is started, its job is at generation %d", e.ID, j.gen)
	case len(j.await) > 0 && w.now.Before(j.openAt):
		w.failf("%v is started at %v, its job waits for %v until %v", e.ID, w.now, j.await, j.openAt)
	case e.ID.Phase == Reduce && j.sorted && !j.ranges:
		w.failf("%v is started before its range of keys is durable", e.ID)
	case e.ID.Phase == Reduce && len(e.Sources) != j.maps:
		w.failf("%v is started with %d sources, want %d", e.ID, len(e.Sources), j.maps)
	}
	for id, host := range w.rivalsOf(e.ID) {
		w.Backups++
		switch t := w.s.jobs[j.id].task(e.ID.TaskID); {
		case w.s.cfg.Backup.Off:
			w.failf("%v is started beside %v, and there are to be no backups", e.ID, id)
		case host == e.Worker:
			w.failf("%v is started beside %v on the same worker", e.ID, id)
		case w.s.ready > 0:
			w.failf("%v is started beside %v, and %d tasks are ready", e.ID, id, w.s.ready)
		case t.rival == nil || t.rival.id != e.ID:
			w.failf("%v is started beside %v and is not its rival", e.ID, id)
		}
	}
	early := false
	for i, src := range e.Sources {
		early = early || src.Worker == ""
		if src.Worker != "" && w.slots[src.Worker] == nil {
			w.failf("%v is sent to worker %s for map %d, which is not there", e.ID, src.Worker, i)
		}
	}
	if early {
		w.Early++
		if w.s.ready > 0 || w.s.cfg.SlowStart == 1 {
			w.failf("%v is started early, and %d tasks are ready; at share %v", e.ID, w.s.ready, w.s.cfg.SlowStart)
		}
	}
}

func (w *world) checkFeed(e Feed) {
	j := w.job(e.ID.Job)
	switch {
	case !w.slots[e.Worker][e.ID] || e.ID.Phase != Reduce:
		w.failf("%v is fed on %s, where it does not run", e.ID, e.Worker)
	case !j.admitted || j.over || j.answer != nil:
		w.failf("%v is fed, its job is over", e.ID)
	}
	for _, src := range e.Sources {
		if src.Worker == "" {
			w.Gone++
		} else if w.slots[src.Worker] == nil || int(src.Map) >= j.maps {
			w.failf("%v is sent to worker %s for map %d, which is not there", e.ID, src.Worker, src.Map)
		}
	}
}

// checkRedo: only winners that are there and not visible yet may be given up.
func (w *world) checkRedo(j *durable, e Redo) {
	if len(e.Tasks) == 0 || j.strict || !j.random {
		w.failf("%v of a job that is strict: %v, random: %v", e, j.strict, j.random)
	}
	for _, id := range e.Tasks {
		if _, ok := j.records[id]; !ok || j.published[id] {
			w.failf("%v is to be made again; it has a winner: %v, it is published: %v", id, ok, j.published[id])
		}
	}
}

func (w *world) checkCommit(j *durable) {
	phase, n := Reduce, j.reduces
	if n == 0 {
		phase, n = Map, j.maps
	}
	digests := map[int]Digest{}
	for i := range n {
		c, ok := j.records[TaskID{Job: j.id, Phase: phase, Index: int32(i)}]
		if !ok {
			w.failf("commit of %s without a winner of %v %d", j.id, phase, i)
		}
		for m, d := range c.Digests {
			if have, ok := digests[m]; ok && have != d {
				w.failf("commit of %s: its reduces rest on different outputs of map %d", j.id, m)
			}
			digests[m] = d
		}
	}
	w.checkWhole(j, digests)
}
