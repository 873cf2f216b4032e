package sched

import "fmt"

// A slow map that gets a rival is asked, besides, to leave to others what it has not read (Yield). If it gets there before
// the rival does, nothing is done twice, and as many workers as have free slots do the rest: the driver makes of the tail a
// task for each of them (Divide), records that, and says so (Tail). If it does not, nothing is lost, the rival wins.
//
// Cutting a task is safe only while nobody can have been given its output, so a task that was ever done is not cut, nor is
// one of a job that had another leader (Admit.Tails), or another generation.

const (
	maxTails = 64 // map tasks that a job may get in this way
	tailWays = 8  // tasks that a tail becomes at most
)

// mayCut reports whether a tail of a map may be cut off.
func (t *task) mayCut() bool {
	j := t.job
	return t.phase == Map && j.tails > 0 && j.gen == 0 && j.state == jobRunning && j.shuffles(t) && !t.once && j.counts[Reduce][taskDone] == 0
}

// ask asks a slow attempt to leave its tail to others.
func (s *Scheduler) ask(a *attempt) {
	if a.asked || a.state != attemptRunning || !a.task.mayCut() {
		return
	}
	a.asked = true
	s.emit(Yield{Worker: a.worker.id, ID: a.id})
}

// Divide tells of a map attempt that has ended before the end of its input into how many tasks the rest should go: about one
// for each free slot. 0: it may not be cut, or a rival has so little left that it is the better choice.
func (s *Scheduler) Divide(id AttemptID) int {
	j := s.jobs[id.Job]
	if j == nil {
		return 0
	}
	t := j.task(id.TaskID)
	if t == nil || !t.mayCut() {
		return 0
	}
	for _, a := range []*attempt{t.current, t.rival} {
		if a != nil && a.id != id && a.pace.total > 0 && a.pace.done > a.pace.total/2 {
			return 0
		}
	}
	slots := 0
	if t.rival != nil {
		slots++ // its own
	}
	for n := s.hungry.head; n != nil && slots < tailWays; n = n.next {
		slots++ // which it will give up
	}
	for _, w := range s.free.items {
		if w.state == workerActive && !s.isSlow(w) {
			slots += w.room() - w.busy()
		}
	}
	return min(max(slots, 1), tailWays, j.tails)
}

// tail takes in new tasks.
func (s *Scheduler) tail(e Tail) {
	j := s.jobs[e.Job]
	if j == nil || j.over() {
		return
	}
	t := j.task(TaskID{Job: e.Job, Stage: j.stage, Phase: Map, Index: e.Of})
	if t == nil || !t.mayCut() || e.Tasks > j.tails {
		// Divide allowed it, and since then no output of the task was taken in.
		panic(fmt.Sprintf("sched: job %s: %d tails of map %d, which may not be cut", j.id, e.Tasks, e.Of))
	}
	s.touch(j)
	j.tails -= e.Tasks
	from := t.slowWorker(e.Attempt)
	for range e.Tasks {
		i := int32(len(j.tasks[Map]))
		j.tasks[Map] = append(j.tasks[Map], task{job: j, phase: Map, index: i, next: j.first, again: true, avoid: from})
		j.counts[Map][taskQueued]++
		j.again[Map].push(i)
	}
	j.earlyAt = s.cfg.earlyAt(len(j.tasks[Map]))
	j.sources = nil                  // it is longer now
	for _, a := range j.live.items { // and how many maps there are
		if a.current() && a.id.Phase == Reduce && !a.untold {
			a.untold = true
			j.untold++
		}
	}
	s.stir(j)
	s.endOthers(t, e.Attempt)
	s.judgeAll(j)
	s.watch(j)
	s.offer(j)
	s.noteTask(t, NoteTaskCut, "", e.Attempt, "what it has not read is now %s, from map %d on", many(e.Tasks, "task"), len(j.tasks[Map])-e.Tasks)
}

// slowWorker is where an attempt of a task runs, if it still does.
func (t *task) slowWorker(number int32) *worker {
	for _, a := range []*attempt{t.current, t.rival} {
		if a != nil && a.id.Attempt == number {
			return a.worker
		}
	}
	return nil
}

// endOthers stops the attempts of a task that read more of its input than is its now.
func (s *Scheduler) endOthers(t *task, except int32) {
	const why = "others do part of its input now"
	for _, a := range []*attempt{t.rival, t.current} { // the rival first: it would become the current one
		if a != nil && a.id.Attempt != except {
			s.stop(a, why)
		}
	}
	if t.state == taskRunning && t.current == nil {
		s.setTask(t, taskQueued)
	}
}
