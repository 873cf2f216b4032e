package sched

import (
	"fmt"

	"github.com/mrctl/mrctl/internal/errs"
)

// The guard against maps that are not deterministic. A map whose runs are lost is made again. If it then gives something
// else, the reduces that finished before rest on an output that is no more, and a record could be in two parts or in none.
// Digests tell: each winner names those of all that it consumed.
//
// Nothing is done about it while reduces still run. When all have their winners, those that rest on anything else than what
// workers hold now are run again under a new generation (Redo), so that all rest on one output of each map. As long as
// no more runs are lost, one round is enough, or two where some were lost when nobody needed them.

// maxRedone is how many such rounds a job gets, over all its leaders.
const maxRedone = 3

// differ notes that two finished reduces rest on different outputs of map i. It returns how a job ends that does not
// allow it.
func (s *Scheduler) differ(j *job, n *naming, v *vector, i int, by int32) *End {
	text := fmt.Sprintf("the map function is not deterministic: reduce %d rests on attempt %d of map %d (digest %x), reduce %d on attempt %d (digest %x)",
		n.by, n.attempt, i, n.digest, by, v.Attempts[i], v.Digests[i])
	cause := AttemptID{TaskID: j.tasks[Map][i].id(), Attempt: v.Attempts[i], Gen: j.gen}
	end := &End{Kind: errs.UserCode, Cause: &cause, Reason: text}
	switch {
	case j.strict:
	case j.published:
		end.Reason += "; parts of the output are published already, so they cannot be made again"
	case j.redone >= maxRedone:
		end.Reason += fmt.Sprintf("; reduces were run again for it %s before", many(j.redone, "time"))
	default:
		if !j.torn {
			j.torn = true
			s.noteJob(j, NoteInputsDiffer, "%s", text)
		}
		return nil
	}
	return end
}

// mend has the winners made again that do not go together with the others, and reports whether the commit must wait.
func (s *Scheduler) mend(j *job) bool {
	if j.state == jobAwaiting {
		return true // what is held decides which stay; whoever ends the wait looks again
	}
	stale := j.stale()
	if len(stale) == 0 {
		j.torn = false
		return false
	}
	j.redone++
	j.redoing = true
	s.setJob(j, jobCommitting)
	s.stopAll(j, "reduces have to run again first")
	s.emit(Redo{Job: j.id, Tasks: stale})
	return true
}

// stale lists the reduces whose winners are to go: those that consumed another output of some map than the one that is
// held. Of a map that nobody holds any more, all must have consumed the same.
func (j *job) stale() []TaskID {
	old := map[*vector]bool{}
	for i := range j.tasks[Map] {
		want, held := j.tasks[Map][i].out.digest, j.tasks[Map][i].out.worker != nil
		agree := true
		for _, v := range j.vecs {
			agree = agree && v.Digests[i] == j.vecs[0].Digests[i]
		}
		for _, v := range j.vecs {
			if held && v.Digests[i] != want || !held && !agree {
				old[v] = true
			}
		}
	}
	var stale []TaskID
	for i, v := range j.inputs {
		if v != nil && old[v] {
			stale = append(stale, j.tasks[Reduce][i].id())
		}
	}
	return stale
}
