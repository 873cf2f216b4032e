package sched

// output is a finished map attempt on a worker's disk.
type output struct {
	worker  *worker
	attempt int32
	digest  Digest
}

// source is the place of an output; of none, no place.
func (o output) source() Source {
	if o.worker == nil {
		return Source{}
	}
	return Source{Worker: o.worker.id, Attempt: o.attempt, Digest: o.digest}
}

// holding is what one worker holds of one job, in the order it came. It may name a map twice, or one whose output has
// been given up since.
type holding struct {
	worker   *worker
	job      *job
	maps     []int32
	inWorker int
	inJob    int
}

// hold notes that a worker has the output of a map.
func (s *Scheduler) hold(t *task, o output) {
	j, w := t.job, o.worker
	h := w.holds[j]
	if h == nil {
		h = &holding{worker: w, job: j}
		w.holds[j] = h
		w.held.add(h)
		j.held.add(h)
	}
	if t.out.worker == w && t.out.attempt == o.attempt {
		return
	}
	for _, have := range t.spare {
		if have.worker == w && have.attempt == o.attempt {
			return
		}
	}
	h.maps = append(h.maps, t.index)
	t.spare = append(t.spare, o)
	s.choose(t)
}

// keepHeld takes in the outputs of one job that a joining worker reports.
func (s *Scheduler) keepHeld(j *job, w *worker, held []MapOutput) {
	n := 0
	for _, m := range held {
		t := j.task(m.ID.TaskID)
		if t == nil || !j.shuffles(t) || j.over() {
			continue
		}
		s.hold(t, output{worker: w, attempt: m.ID.Attempt, digest: m.Digest})
		t.next = max(t.next, m.ID.Attempt+1)
		if t.state == taskDone {
			continue
		}
		s.markDone(t)
		if n++; m.ID.Attempt < j.first {
			s.keep(t)
		}
	}
	if n > 0 {
		s.noteJob(j, NoteTaskKept, "%s the runs of %s not known before; %d of %d maps done", w.holder(), many(n, "map"), j.counts[Map][taskDone], len(j.tasks[Map]))
		s.proceed(j, Map)
	}
}

// choose makes the best output held the one that reduces read: the attempt that a finished reduce names, then one equal
// to it, then what reduces were sent to already, then the lowest attempt.
func (s *Scheduler) choose(t *task) {
	j := t.job
	best := -1
	chosen := t.out
	for i, o := range t.spare {
		if chosen.worker == nil || j.better(t, o, chosen) {
			chosen, best = o, i
		}
	}
	if best < 0 {
		return
	}
	if t.out.worker == nil {
		t.spare = append(t.spare[:best], t.spare[best+1:]...)
	} else {
		t.spare[best] = t.out
	}
	t.out = chosen
	s.changed(t)
}

// better reports whether output a is a better choice than b, the one chosen so far.
func (j *job) better(t *task, a, b output) bool {
	if ra, rb := j.rank(t, a), j.rank(t, b); ra != rb {
		return ra > rb
	}
	return (!j.handed || b.worker != t.out.worker || b.attempt != t.out.attempt) && a.attempt < b.attempt
}

func (j *job) rank(t *task, o output) int {
	if j.named == nil || !j.named[t.index].ok {
		return 0
	}
	switch n := j.named[t.index]; {
	case n.attempt == o.attempt:
		return 2
	case n.digest == o.digest:
		return 1
	}
	return 0
}

// sourceList is where every map's chosen output lies, as far as there is one. The slice is shared by all orders until a
// choice changes.
func (j *job) sourceList() []Source {
	if j.sources == nil {
		j.sources = make([]Source, len(j.tasks[Map]))
		for i := range j.sources {
			j.sources[i] = j.tasks[Map][i].out.source()
		}
		j.handed = true
	}
	return j.sources
}

// discard gives up outputs of a map, and reports whether that left it with none.
func (s *Scheduler) discard(t *task, gone func(output) bool) bool {
	if t.out.worker == nil {
		return false
	}
	rest := t.spare[:0]
	for _, o := range t.spare {
		if !gone(o) {
			rest = append(rest, o)
		}
	}
	clear(t.spare[len(rest):])
	t.spare = rest
	if gone(t.out) {
		t.out = output{}
		s.changed(t) // and urgently: who fetches from there must not wait until it has given up
		s.choose(t)
	}
	return t.out.worker == nil
}

// bereft says what becomes of a map that has lost its last output: it runs again if a reduce still needs it.
func (s *Scheduler) bereft(t *task) (rerun bool) {
	j := t.job
	if t.state != taskDone || j.over() {
		return false
	}
	if j.complete(Reduce) {
		j.hollow = append(j.hollow, t.index)
		return false
	}
	s.setTask(t, taskQueued)
	return true
}

// refill runs the maps again whose output went while nobody needed it.
func (s *Scheduler) refill(j *job) {
	hollow := j.hollow
	j.hollow = nil
	n := 0
	for _, i := range hollow {
		if t := &j.tasks[Map][i]; t.out.worker == nil && s.bereft(t) {
			n++
		}
	}
	if n > 0 {
		s.noteJob(j, NoteMapsRerun, "%s to run again: runs went while nobody needed them", many(n, "map"))
	}
}

// loseRuns gives up what a lost worker held of a job.
func (s *Scheduler) loseRuns(h *holding, reason string) {
	j, w := h.job, h.worker
	s.unhold(h)
	n := 0
	for _, i := range h.maps {
		t := &j.tasks[Map][i]
		if s.discard(t, func(o output) bool { return o.worker == w }) && s.bereft(t) {
			n++
		}
	}
	if n > 0 {
		left := len(j.tasks[Reduce]) - j.counts[Reduce][taskDone]
		s.noteJob(j, NoteMapsRerun, "%d of %s to run again for %s not done: worker %s held the runs and is lost: %s",
			n, many(len(j.tasks[Map]), "map"), many(left, "reduce"), w.id, reason)
	}
}

func (s *Scheduler) unhold(h *holding) {
	delete(h.worker.holds, h.job)
	h.worker.held.remove(h)
	h.job.held.remove(h)
}
