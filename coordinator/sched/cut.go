package sched

// The reduces of a job whose parts are to be ordered overall have ranges of keys, which are chosen when all maps are done. Until
// that is durable none of them is ready, nor may it start early. It happens once: a map that is made again later changes no
// range.

// cut asks for the ranges of a job as soon as there is all to choose them by.
func (s *Scheduler) cut(j *job) {
	if j.uncut && !j.cutting && j.state == jobRunning && j.complete(Map) {
		j.cutting = true
		s.emit(Cut{Job: j.id})
	}
}

// cutDone lets the reduces of a job start.
func (s *Scheduler) cutDone(id JobID) {
	j := s.jobs[id]
	if j == nil || !j.uncut {
		return
	}
	j.uncut, j.cutting = false, false
	s.touch(j)
	s.watch(j)
	s.offer(j)
}
