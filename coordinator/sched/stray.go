package sched

// stray is what workers brought along of a job that nobody has admitted: a new leader may hear from the workers before
// it has claimed the job, or the job ended while they had no leader. The attempts hold their slots meanwhile. A job not
// admitted within Config.StrayAfter is released.
type stray struct {
	attempts []*attempt  // some may have ended since
	held     []strayRuns // some workers may be gone
	done     []Done      // reports that came in too early
	until    *timer
}

type strayRuns struct {
	worker  *worker
	outputs []MapOutput
}

func (s *Scheduler) stray(id JobID) *stray {
	st := s.strays[id]
	if st == nil {
		st = &stray{}
		st.until = s.arm(s.now.Add(s.cfg.StrayAfter), nil, func() { s.releaseStray(id, st) })
		s.strays[id] = st
	}
	return st
}

// takeStrays hands a job what was kept for it.
func (s *Scheduler) takeStrays(j *job) {
	st := s.strays[j.id]
	if st == nil {
		return
	}
	s.disarm(st.until)
	delete(s.strays, j.id)
	for _, h := range st.held {
		if h.worker.state != workerGone {
			s.keepHeld(j, h.worker, h.outputs)
		}
	}
	for _, a := range st.attempts {
		if a.state == attemptRunning {
			s.adopt(a, j)
		}
	}
	for _, e := range st.done {
		s.done(e)
	}
}

func (s *Scheduler) releaseStray(id JobID, st *stray) {
	delete(s.strays, id)
	s.emit(Release{Job: id})
	for _, a := range st.attempts {
		if a.state == attemptRunning {
			s.finish(a, attemptStopped)
		}
	}
}
