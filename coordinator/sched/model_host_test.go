package sched

import (
	"slices"

	"github.com/mrctl/mrctl/internal/errs"
)

// What the workers of the model do: crash, lose their stream, join, drain, finish attempts, report.

func (w *world) crash() {
	if h := w.some(func(h *host) bool { return h.alive }); h != nil {
		h.alive, h.running, h.held, h.unacked = false, nil, nil, nil // its loss is noticed later
	}
}

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
	e := Join{Worker: h.id, Slots: h.slots, Held: slices.Clone(h.held)}
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
	order := h.running[i]
	id := order.ID
	h.running = slices.Delete(h.running, i, i+1)
	j := w.job(id.Job)
	stop := h.stopping[id]
	delete(h.stopping, id)
	var e Event
	switch n := w.rng.IntN(100); {
	case stop && n < 60, h.draining && n < 20 && !w.calm:
		e = Stopped{ID: id, Worker: h.id}
	case !w.calm && n < 68:
		e = Fail{ID: id, Worker: h.id, Kind: errs.UserCode, Error: "model"}
	case !w.calm && n < 76:
		e = Fail{ID: id, Worker: h.id, Kind: errs.Unavailable, Error: "model", Lost: true}
	default:
		e = w.finish(h, j, order)
	}
	h.unacked = append(h.unacked, e)
}

// finish does the work of an attempt.
func (w *world) finish(h *host, j *durable, order Start) Event {
	id := order.ID
	if id.Phase == Map && j.reduces > 0 {
		out := MapOutput{ID: id, Digest: Digest{byte(id.Index)}}
		if j.random {
			out.Digest[1] = byte(w.rng.IntN(256))
		}
		h.held = append(h.held, out)
		j.holders[h.id] = true
		return Done{ID: id, Worker: h.id, Digest: out.Digest}
	}
	consumed := Consumed{}
	fail := Fail{ID: id, Worker: h.id, Kind: errs.Unavailable, Error: "no such run"}
	for i, src := range order.Sources {
		at := AttemptID{TaskID: TaskID{Job: id.Job, Phase: Map, Index: int32(i)}, Attempt: src.Attempt}
		if !w.holds(src.Worker, at) {
			fail.Missing = append(fail.Missing, at)
		}
		consumed.Attempts, consumed.Digests = append(consumed.Attempts, src.Attempt), append(consumed.Digests, src.Digest)
	}
	if len(fail.Missing) > 0 {
		w.Missing++
		return fail
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
		if w.calm || w.chance(90) {
			h.unacked = h.unacked[1:]
		}
		if w.chance(10) {
			w.echoes = append(w.echoes, e)
		}
		w.step(e)
	}
}
