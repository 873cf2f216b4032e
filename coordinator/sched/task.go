package sched

import "fmt"

// task is a unit of work: a map over a split or a reduce over a partition.
//
// Invariant: current != nil exactly while the state is running; retry != nil exactly while it is backoff; rival != nil only
// while current is, on another worker.
type task struct {
	job   *job
	index int32
	phase Phase
	state taskState
	again bool // has been queued before: waits in job.again, not under the cursor
	kept  bool // counted in job.kept
	once  bool // has been done, or was said to be

	next       int32 // the number of the next attempt
	failures   int32 // attempts that failed
	lostBefore int32 // attempts that were lost, by whatever
	losses     int32 // workers in a row that were lost while they ran it
	setbacks   int32 // ends in a row that were neither failures nor losses of a worker

	current *attempt
	rival   *attempt // a backup of current: the first to end well wins (see backup.go)
	backups int32    // rivals it has had
	struck  *worker  // is charged with its last bad end; see probation.go
	guilty  bool     // it has ended badly on several workers
	avoid   *worker  // the next attempt goes elsewhere if there is an elsewhere
	retry   *timer

	// Maps of jobs with reduces: the finished attempts that workers hold. Reduces read out; spare takes its place when it
	// goes. out.worker == nil means none.
	out   output
	spare []output
}

func (t *task) id() TaskID {
	return TaskID{Job: t.job.id, Stage: t.job.stage, Phase: t.phase, Index: t.index}
}

func (t *task) String() string { return fmt.Sprintf("%v %d of job %s", t.phase, t.index, t.job.id) }

// setTask is the one place where a task changes its state; queues, counts and timers follow.
func (s *Scheduler) setTask(t *task, to taskState) {
	from, j := t.state, t.job
	complete := j.complete(Map)
	move(t, taskNext[:], &t.state, to)
	j.counts[t.phase][from]--
	j.counts[t.phase][to]++
	if from == taskBackoff {
		s.disarm(t.retry)
		t.retry = nil
	}
	if to == taskQueued {
		t.again = true
		j.again[t.phase].push(t.index)
	}
	if complete && !j.complete(Map) {
		s.endRivals(j)
	}
	if j.complete(Map) != complete {
		s.judgeAll(j) // reduces that ran have become hungry, or are so no longer
	}
	s.watch(j)
	s.offer(j)
}

// won gives a task of the output phase its winner.
func (s *Scheduler) won(t *task, attempt int32, worker WorkerID, consumed *Consumed) {
	j := t.job
	s.markDone(t)
	s.noteTask(t, NoteAttemptDone, worker, attempt, "%d of %d %ss done", j.counts[t.phase][taskDone], len(j.tasks[t.phase]), t.phase)
	if t.phase == Reduce {
		if end := s.consume(t, consumed); end != nil {
			s.wind(j, *end)
			return
		}
	}
	s.proceed(j, t.phase)
}

// markDone marks a task done and stops the attempts it may still have.
func (s *Scheduler) markDone(t *task) {
	s.setTask(t, taskDone)
	t.once = true
	t.losses, t.setbacks = 0, 0
	t.struck, t.guilty = nil, false
	s.stopTask(t, "the task is done")
}

// stopTask stops what runs of a task.
func (s *Scheduler) stopTask(t *task, reason string) {
	for t.current != nil {
		s.stop(t.current, reason)
	}
}

// find is the running attempt of a task that an event is about, or nil.
func (t *task) find(id AttemptID) *attempt {
	for _, a := range []*attempt{t.current, t.rival} {
		if a != nil && a.id == id {
			return a
		}
	}
	return nil
}

// proceed looks what a finished task of a phase sets going.
func (s *Scheduler) proceed(j *job, phase Phase) {
	if !j.complete(phase) {
		return
	}
	s.noteJob(j, NoteStageDone, "%ss: all %d done", phase, len(j.tasks[phase]))
	if phase == j.last() {
		s.commit(j)
		return
	}
	s.offer(j) // the reduces are open now
}
