package sched

import "slices"

// Tails in the model: a split is splitEnd records, a map reads an extent of one, and the digest of its output names that.

const splitEnd = 200

// extent is what a map of the model reads: some records of a split.
type extent struct {
	split    int
	from, to byte
}

// digest is that of the output of an extent's records up to end. What a map function that is not deterministic adds is
// not here.
func (e extent) digest(end byte) Digest { return Digest{byte(e.split), 0, e.from, end} }

// pendingCut is a cut that is being recorded.
type pendingCut struct {
	of    AttemptID
	end   byte
	parts int
}

// leave is where a map ends: with its extent, or before if it was asked to.
func (w *world) leave(o *order) byte {
	if n := int(o.extent.to) - int(o.extent.from); o.yield && n > 1 && w.chance(80) {
		return o.extent.from + byte(1+w.rng.IntN(n-1))
	}
	return o.extent.to
}

// fits reports whether an output is of the extent of its task, as its job's record has it, and is to be let in now.
func (w *world) fits(id AttemptID, d Digest) bool {
	j := w.job(id.Job)
	if id.Phase != Map || j.reduces == 0 || j.over {
		return true
	}
	e := j.extents[id.Index]
	return d[2] == e.from && d[3] == e.to && (j.cut == nil || j.cut.of.Index != id.Index)
}

// deliver takes a report to the leader. False: it has not answered, and the report comes again.
func (w *world) deliver(e Event) bool {
	d, ok := e.(Done)
	if !ok || w.fits(d.ID, d.Digest) {
		w.step(e)
		return true
	}
	j := w.job(d.ID.Job)
	if j.cut != nil || !j.admitted {
		return false
	}
	e2, parts := j.extents[d.ID.Index], w.s.Divide(d.ID)
	if parts == 0 || d.Digest[3] <= e2.from || d.Digest[3] >= e2.to {
		w.Misfits++
		w.step(Fail{ID: d.ID, Worker: d.Worker, Lost: true, Error: "another extent"})
		return true
	}
	if !(j.claims == 1 && j.gen == 0) {
		w.failf("%v may be cut, at generation %d, by leader %d of its job", d.ID, j.gen, j.claims)
	}
	j.cut = &pendingCut{of: d.ID, end: d.Digest[3], parts: parts}
	return false
}

// hasten ends an attempt that was asked to yield, or the leader that records such a cut: chance alone does it too rarely.
func (w *world) hasten() bool {
	for _, j := range w.jobs {
		if j.cut != nil && w.leader < 9 && w.chance(20) {
			w.tally.Leaders++
			w.lead()
			return true
		}
	}
	for _, h := range w.hosts {
		for i, o := range h.running {
			if h.alive && o.yield && !h.stopping[o.ID] {
				h.running = slices.Delete(h.running, i, i+1)
				h.unacked = append(h.unacked, w.finish(h, w.job(o.ID.Job), o))
				return true
			}
		}
	}
	return false
}

// record makes a cut durable, and gives the number of new tasks.
func (c *pendingCut) record(j *durable) int {
	of := &j.extents[c.of.Index]
	from, to := int(c.end), int(of.to)
	split := of.split
	of.to = c.end
	n := min(c.parts, to-from)
	for i := range n {
		j.extents = append(j.extents, extent{split: split, from: byte(from + (to-from)*i/n), to: byte(from + (to-from)*(i+1)/n)})
	}
	j.maps = len(j.extents)
	return n
}

// recordCut ends the recording of a cut well.
func (w *world) recordCut(j *durable) {
	c := j.cut
	j.cut = nil
	if j.over {
		return
	}
	w.Cuts++
	n := c.record(j)
	w.step(Tail{Job: j.id, Of: c.of.Index, Attempt: c.of.Attempt, Tasks: n})
}

// interrupt is the end of a leader that records a cut, which may be durable all the same.
func (w *world) interrupt(j *durable) {
	c := j.cut
	j.cut = nil
	switch {
	case c == nil:
	case !j.over && w.chance(50):
		w.CutsUnheard++
		c.record(j)
	default:
		w.CutsLost++
	}
}

// grow makes room for more maps.
func (o *order) grow(maps int) {
	for len(o.landed) < maps {
		o.landed, o.Sources = append(o.landed, Source{}), append(o.Sources, Source{})
	}
}

// checkYield: only what runs and may be cut is asked.
func (w *world) checkYield(e Yield) {
	j := w.job(e.ID.Job)
	switch {
	case !w.slots[e.Worker][e.ID] || e.ID.Phase != Map:
		w.failf("%v is asked on %s to yield, where it does not run", e.ID, e.Worker)
	case j.claims != 1 || j.gen != 0 || j.reduces == 0:
		w.failf("%v is asked to yield, at generation %d, by leader %d of its job", e.ID, j.gen, j.claims)
	}
	if h := w.host(e.Worker); h.alive {
		for _, o := range h.running {
			o.yield = o.yield || o.ID == e.ID
		}
	}
}

// checkWhole: the outputs that reduces rest on have every record of each split once.
func (w *world) checkWhole(j *durable, outputs map[int]Digest) {
	if j.reduces == 0 || len(outputs) == 0 {
		return
	}
	if len(outputs) != j.maps {
		w.failf("commit of %s: its reduces rest on outputs of %d maps, of %d", j.id, len(outputs), j.maps)
	}
	read := map[int][][2]byte{}
	for m, d := range outputs {
		split := j.extents[m].split
		read[split] = append(read[split], [2]byte{d[2], d[3]})
	}
	for split, parts := range read {
		slices.SortFunc(parts, func(a, b [2]byte) int { return int(a[0]) - int(b[0]) })
		at := byte(0)
		for _, p := range parts {
			if p[0] != at {
				w.failf("commit of %s: of split %d %v was read", j.id, split, parts)
			}
			at = p[1]
		}
		if at != splitEnd {
			w.failf("commit of %s: of split %d only %v was read", j.id, split, parts)
		}
	}
}
