package sched

import (
	"slices"

	"github.com/mrctl/mrctl/internal/errs"
)

// What the workers of the model do: crash, lose their stream, join, drain, finish attempts, report.

func (w *world) crash() {
	if h := w.some(func(h *host) bool { return h.alive }); h != nil {
		h.die()
	}
}

// die ends a worker; its loss is noticed later.
func (h *host) die() { h.alive, h.running, h.held, h.unacked = false, nil, nil, nil }

func (w *world) breakStream() {
	if h := w.some(func(h *host) bool { return h.joined }); h != nil {
		w.step(Lose{Worker: h.id, Reason: "stream broke"})
		h.joined = false
	}
}

// joinOne registers a worker, or registers it again.
func (w *world) joinOne(again bool) {
	h := w.some(func(h *host) bool { return h.alive && (!h.joined || again) })
	if h == nil {
		return
	}
	e := Join{Worker: h.id, Slots: h.slots}
	for _, m := range h.held {
		if w.fits(m.ID, m.Digest) {
			e.Held = append(e.Held, m)
		}
	}
	for _, r := range h.running {
		e.Running = append(e.Running, r.ID)
	}
	clear(h.stopping) // orders to stop do not outlive a session
	for _, j := range w.jobs {
		delete(j.await, h.id)
	}
	h.joined, h.draining = true, false
	w.step(e)
}

func (w *world) drainOne() {
	if h := w.some(func(h *host) bool { return h.joined && h.alive }); h != nil {
		h.draining = true
		w.step(Drain{Worker: h.id})
	}
}

// finishOne ends an attempt on a worker, well or badly, and puts the report in its outbox.
func (w *world) finishOne() {
	h := w.some(func(h *host) bool { return h.alive && len(h.running) > 0 })
	if h == nil {
		return
	}
	i := w.rng.IntN(len(h.running))
	o := h.running[i]
	id := o.ID
	stop := h.stopping[id]
	w.land(h, o)
	if w.calm && !stop && o.waits() {
		return
	}
	h.running = slices.Delete(h.running, i, i+1)
	j := w.job(id.Job)
	delete(h.stopping, id)
	var e Event
	switch n := w.rng.IntN(100); {
	case stop && n < 60, h.draining && n < 20 && !w.calm:
		e = Stopped{ID: id, Worker: h.id}
	case !w.calm && n < 68:
		e = Fail{ID: id, Worker: h.id, Kind: errs.UserCode, Error: "model"}
	case !w.calm && n < 76:
		e = Fail{ID: id, Worker: h.id, Kind: errs.Unavailable, Error: "model", Lost: true}
	case o.waits():
		h.running = append(h.running, o)
		return
	default:
		e = w.finish(h, j, o)
	}
	h.unacked = append(h.unacked, e)
}

// finish does the work of an attempt.
func (w *world) finish(h *host, j *durable, o *order) Event {
	id := o.ID
	if id.Phase == Map && j.reduces > 0 {
		out := MapOutput{ID: id, Digest: o.extent.digest(w.leave(o))}
		if j.random {
			out.Digest[1] = byte(w.rng.IntN(256))
		}
		h.held = append(h.held, out)
		j.holders[h.id] = true
		return Done{ID: id, Worker: h.id, Digest: out.Digest}
	}
	consumed := Consumed{}
	fail := Fail{ID: id, Worker: h.id, Kind: errs.Unavailable, Error: "no such run"}
	for i, src := range o.landed {
		if src.Worker == "" {
			fail.Missing = append(fail.Missing, mapAttempt(id.Job, i, o.Sources[i]))
		}
		consumed.Attempts, consumed.Digests = append(consumed.Attempts, src.Attempt), append(consumed.Digests, src.Digest)
	}
	if len(fail.Missing) > 0 {
		w.Missing++
		return fail
	}
	if id.Phase == Reduce && id.Gen == j.gen && len(consumed.Attempts) != j.maps {
		w.failf("%v ends with the outputs of %d maps, of %d", id, len(consumed.Attempts), j.maps)
	}
	if id.Gen == j.gen { // an old generation writes where nobody looks
		if won, ok := j.records[id.TaskID]; ok {
			consumed = won
		} else {
			j.records[id.TaskID] = consumed
		}
	}
	return Done{ID: id, Worker: h.id, Consumed: &consumed}
}

func mapAttempt(job JobID, i int, src Source) AttemptID {
	return AttemptID{TaskID: TaskID{Job: job, Phase: Map, Index: int32(i)}, Attempt: src.Attempt}
}

// land takes what a reduce can get of its sources.
func (w *world) land(h *host, o *order) {
	for i, src := range o.Sources {
		if o.landed[i].Worker == "" && src.Worker != "" && w.holds(src.Worker, mapAttempt(o.ID.Job, i, src)) && (w.calm || w.chance(70)) {
			o.landed[i] = src
		}
	}
}

// count is how many maps' runs have landed.
func (o *order) count() (n int) {
	for _, src := range o.landed {
		if src.Worker != "" {
			n++
		}
	}
	return n
}

// waits reports that a reduce lacks a run of which it does not know where it lies.
func (o *order) waits() bool {
	for i, src := range o.landed {
		if src.Worker == "" && o.Sources[i].Worker == "" {
			return true
		}
	}
	return false
}

// feed tells a worker what its leader orders. One that has landed another output than it is told of gives up.
func (w *world) feed(h *host, e Feed) {
	i := slices.IndexFunc(h.running, func(o *order) bool { return o.ID == e.ID })
	if i < 0 {
		return // it has ended and its report is on the way
	}
	o := h.running[i]
	o.grow(w.job(e.ID.Job).maps)
	for _, src := range e.Sources {
		o.Sources[src.Map] = src.Source
		if had := o.landed[src.Map]; had.Worker != "" && src.Worker != "" && had.Digest != src.Digest {
			w.Contradicted++
			h.running = slices.Delete(h.running, i, i+1)
			h.unacked = append(h.unacked, Fail{ID: e.ID, Worker: h.id, Kind: errs.Unavailable, Error: "two outputs of one map", Lost: true})
			return
		}
	}
	w.land(h, o)
}

func (w *world) holds(id WorkerID, at AttemptID) bool {
	for _, h := range w.hosts {
		if h.id == id && h.alive {
			return slices.ContainsFunc(h.held, func(m MapOutput) bool { return m.ID.TaskID == at.TaskID && m.ID.Attempt == at.Attempt })
		}
	}
	return false
}

func (w *world) deliverOne() {
	h := w.some(func(h *host) bool { return h.joined && (len(h.unacked) > 0 || !h.alive) })
	switch {
	case h == nil:
	case !h.alive:
		h.joined = false
		w.step(Lose{Worker: h.id, Reason: "no heartbeat"})
	default:
		e := h.unacked[0]
		if w.chance(10) {
			w.echoes = append(w.echoes, e)
		}
		h.unacked = h.unacked[1:]
		if !w.deliver(e) || !w.calm && w.chance(10) {
			h.unacked = append(h.unacked, e)
		}
	}
}
