package sched

import (
	"fmt"

	"github.com/mrctl/mrctl/internal/errs"
)

// vector is what a finished reduce consumed. Reduces that started with the same sources share one, so that a job keeps
// a few of them and not maps times reduces entries.
type vector struct {
	Consumed
	refs int
}

// naming is the output of a map task that finished reduces rest on.
type naming struct {
	attempt int32
	digest  Digest
	by      int32 // the reduce that named it first
	ok      bool
}

// sharedVectors is how many of the latest vectors a new one is compared with.
const sharedVectors = 2

// consume notes what a finished reduce rests on. It returns how the job ends if that does not go together with what
// other finished reduces rest on: different outputs of one map task that are not equal. O(maps), as the report is.
func (s *Scheduler) consume(t *task, c *Consumed) *End {
	j := t.job
	maps := len(j.tasks[Map])
	if c == nil {
		c = &Consumed{}
	}
	if len(c.Attempts) != maps || len(c.Digests) != maps {
		return &End{Kind: errs.Corrupt, Reason: fmt.Sprintf("the record of %s says that it consumed %d outputs with %d digests; the job has %s",
			t.id().label(), len(c.Attempts), len(c.Digests), many(maps, "map"))}
	}
	for i := len(j.vecs) - 1; i >= 0 && i >= len(j.vecs)-sharedVectors; i-- {
		if v := j.vecs[i]; v.refs > 0 && v.equal(c) {
			v.refs++
			j.inputs[t.index] = v
			return nil
		}
	}
	v := &vector{Consumed: *c, refs: 1}
	j.vecs = append(j.vecs, v)
	j.inputs[t.index] = v
	return s.name(j, v, t.index)
}

func (v *vector) equal(c *Consumed) bool {
	for i, a := range c.Attempts {
		if v.Attempts[i] != a || v.Digests[i] != c.Digests[i] {
			return false
		}
	}
	return true
}

// name enters what a reduce consumed into named, and prefers those outputs from here on.
func (s *Scheduler) name(j *job, v *vector, by int32) *End {
	if j.named == nil {
		j.named = make([]naming, len(v.Attempts))
	}
	for i := range v.Attempts {
		n := &j.named[i]
		if !n.ok {
			*n = naming{attempt: v.Attempts[i], digest: v.Digests[i], by: by, ok: true}
			s.choose(&j.tasks[Map][i])
			continue
		}
		if n.digest != v.Digests[i] {
			if end := s.differ(j, n, v, i, by); end != nil {
				return end
			}
		}
	}
	return nil
}

// unconsume takes back what the winners of some reduces consumed, after the winners proved unusable.
func (s *Scheduler) unconsume(j *job, lost []*task) {
	for _, t := range lost {
		if v := j.inputs[t.index]; v != nil {
			v.refs--
			j.inputs[t.index] = nil
		}
	}
	kept := j.vecs[:0]
	for _, v := range j.vecs {
		if v.refs > 0 {
			kept = append(kept, v)
		}
	}
	clear(j.vecs[len(kept):])
	j.vecs, j.named, j.torn = kept, nil, false
	for i, v := range j.inputs { // after a failed commit, not on a path that is walked often
		if v != nil {
			s.name(j, v, int32(i)) // no conflict: those that did not go together are among the lost
		}
	}
}

// commit asks for the output to be published: every task of the last phase has its winner. Winners that do not go together
// are made again first.
func (s *Scheduler) commit(j *job) {
	if j.torn && s.mend(j) {
		return
	}
	s.setJob(j, jobCommitting)
	s.stopAll(j, "the job has all its results")
	s.noteJob(j, NoteJobCommitting, "every task has its winner (%s); attempts on the way: %d failed, %d lost",
		many(len(j.tasks[j.last()]), j.last().String()), j.attemptsFailed, j.attemptsLost)
	s.emit(Commit{Job: j.id})
}

func (s *Scheduler) committed(id JobID) {
	if j := s.jobs[id]; j != nil && j.state == jobCommitting {
		s.noteJob(j, NoteJobDone, "the output is published")
		s.drop(j)
	}
}

// commitFailed runs unusable winners again under a higher generation. Winners not named stay.
func (s *Scheduler) commitFailed(e CommitFailed) {
	j := s.jobs[e.Job]
	if j == nil || j.state != jobCommitting || e.Gen <= j.gen {
		return
	}
	j.gen = e.Gen
	j.published = j.published || e.Published
	why := "winner unusable"
	if j.redoing {
		j.redoing, why = false, "they rest on outputs of maps that are no more"
	} else {
		j.recommits++
	}
	s.touch(j)
	s.setJob(j, jobAwaiting)
	if j.asked != nil {
		s.wind(j, *j.asked)
		return
	}
	s.holdBack(j)
	if j.recommits > s.cfg.MaxLosses {
		s.wind(j, End{Kind: errs.Unavailable, Reason: fmt.Sprintf("%d commits in a row found winners whose results are gone", j.recommits)})
		return
	}
	var lost []*task
	for _, id := range e.Lost {
		t := j.task(id)
		if t == nil || j.shuffles(t) || t.state != taskDone {
			continue
		}
		s.setTask(t, taskQueued)
		lost = append(lost, t)
	}
	s.noteJob(j, NoteJobRecommit, "%s to run again under generation %d: %s", many(len(lost), j.last().String()), j.gen, why)
	if j.last() == Reduce && len(lost) > 0 {
		s.unconsume(j, lost)
		s.refill(j)
	}
	if j.complete(j.last()) {
		s.commit(j)
	}
}
