package sched

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// job is a job from Admit to the Release that makes everyone forget it.
type job struct {
	id          JobID
	stage       int32
	priority    int
	seq         uint64 // by admission
	gen         int32
	maxAttempts int
	first       int32 // the first attempt number of this leader
	state       jobState

	tasks   [2][]task             // by phase
	counts  [2][len(taskNext)]int // tasks by phase and state; only setTask and admit write them
	fresh   [2]int32              // cursor over the tasks never queued again
	again   [2]deque              // tasks queued again, started before fresh ones
	live    bag[*attempt]         // running and stopping
	timers  bag[*timer]           // of its tasks
	held    bag[*holding]         // workers that hold outputs of its maps
	hollow  []int32               // maps done whose output went while nobody needed it
	inputs  []*vector             // by reduce: what its winner consumed
	vecs    []*vector             // the distinct ones
	named   []naming              // by map: the output that finished reduces rest on; nil before the first
	sources []Source              // cached order; nil when a chosen output has changed
	news    []int32               // maps whose source has changed since running reduces were told
	urgent  bool                  // one of the news is that an output is gone
	stirred bool                  // among Scheduler.stirred
	untold  int                   // running reduces that are to be told all sources
	hungry  int                   // running reduces that may lack runs; only judge writes it
	earlyAt int                   // reduces may start when so many maps are done
	handed  bool                  // sources have been given out: keep the choices made

	uncut   bool // its reduces wait for CutDone; see cut.go
	cutting bool // Cut is out

	noBackup bool      // its attempts get no rivals
	raced    bool      // counted in Scheduler.raced
	backups  int       // rivals its attempts have had
	speeds   [2]speeds // of its finished attempts, by phase

	tails int // map tasks that may still be added by cutting; see tail.go

	await      map[WorkerID]bool // not joined yet
	awaitUntil time.Time
	pending    *timer     // the end of the wait, or of the patience with attempts that do not stop
	end        End        // why it is stopping
	moved      node[*job] // last progress; in Scheduler.idle while running with nothing running

	attemptsFailed, attemptsLost, kept, recommits int

	strict    bool // see Admit, as are the next two
	redone    int
	published bool
	torn      bool // finished reduces rest on different outputs of one map
	redoing   bool // Redo is out
	asked     *End // a cancel that came while the job was committing

	counted int // of ready, in Scheduler.ready

	inLine, inEarly int
}

func (j *job) String() string { return "job " + string(j.id) }

// last is the phase whose winners are the job's result.
func (j *job) last() Phase {
	if len(j.tasks[Reduce]) > 0 {
		return Reduce
	}
	return Map
}

// shuffles reports whether a task's result is an output on a worker's disk rather than a winning record.
func (j *job) shuffles(t *task) bool { return t.phase != j.last() }

func (j *job) complete(p Phase) bool { return j.counts[p][taskDone] == len(j.tasks[p]) }

// over reports that only the end is left.
func (j *job) over() bool { return j.state >= jobStopping }

func (j *job) task(id TaskID) *task {
	if id.Stage != j.stage || id.Phase > Reduce || id.Index < 0 || int(id.Index) >= len(j.tasks[id.Phase]) {
		return nil
	}
	return &j.tasks[id.Phase][id.Index]
}

// setJob is the one place where a job changes its state.
func (s *Scheduler) setJob(j *job, to jobState) {
	move(j, jobNext[:], &j.state, to)
	s.disarm(j.pending)
	j.pending = nil
	if to != jobAwaiting && to != jobCommitting { // a commit that fails takes the wait up again
		s.forgetAwait(j)
	}
	if to == jobRunning {
		s.stir(j)
	}
	s.judgeAll(j)
	s.watch(j)
	s.offer(j)
}

// admit brings in a job; it costs O(its tasks), once.
func (s *Scheduler) admit(e Admit) {
	if s.jobs[e.Job] != nil {
		return
	}
	j := &job{
		id: e.Job, stage: e.Stage, priority: e.Priority, gen: e.Gen, first: e.FirstAttempt, noBackup: e.NoBackup,
		maxAttempts: e.MaxAttempts, seq: s.admitted,
		strict: e.Strict, uncut: e.Uncut, redone: e.Redone, published: e.Published,
		live:   bag[*attempt]{at: func(a *attempt) *int { return &a.inJob }},
		timers: bag[*timer]{at: func(t *timer) *int { return &t.inJob }},
		held:   bag[*holding]{at: func(h *holding) *int { return &h.inJob }},
	}
	s.admitted++
	j.moved.of = j
	if j.maxAttempts <= 0 {
		j.maxAttempts = defaultMaxAttempts
	}
	if e.Tails && e.Reduces > 0 && e.Gen == 0 {
		j.tails = maxTails
	}
	j.tasks[Map], j.tasks[Reduce] = make([]task, max(0, e.Maps), max(0, e.Maps)+j.tails), make([]task, max(0, e.Reduces))
	j.inputs = make([]*vector, len(j.tasks[Reduce]))
	j.earlyAt = s.cfg.earlyAt(len(j.tasks[Map]))
	for p := range j.tasks {
		for i := range j.tasks[p] {
			j.tasks[p][i] = task{job: j, phase: Phase(p), index: int32(i), next: j.first}
		}
		j.counts[p][taskQueued] = len(j.tasks[p])
	}
	s.jobs[j.id] = j
	s.touch(j)
	s.noteJob(j, NoteJobAdmitted, "%s and %s, priority %d, generation %d, at most %s a task",
		many(len(j.tasks[Map]), "map"), many(len(j.tasks[Reduce]), "reduce"), j.priority, j.gen, many(j.maxAttempts, "attempt"))
	s.await(j, e.Await, e.AwaitUntil)
	s.takeFinished(j, e.Finished)
	s.keepHeld(j, s.store, e.Stored)
	s.takeStrays(j)
	if j.state == jobAwaiting {
		s.holdBack(j)
	}
	if j.state == jobRunning {
		s.commitTorn(j)
	}
}

// takeFinished marks the tasks that have a winning record.
func (s *Scheduler) takeFinished(j *job, finished map[TaskID]Consumed) {
	phase := j.last()
	for i := range j.tasks[phase] {
		t := &j.tasks[phase][i]
		consumed, ok := finished[t.id()]
		if !ok {
			continue
		}
		s.setTask(t, taskDone)
		s.keep(t)
		if phase == Reduce {
			if end := s.consume(t, &consumed); end != nil {
				s.wind(j, *end)
				return
			}
		}
	}
	if j.kept > 0 {
		s.noteJob(j, NoteTaskKept, "%d of %d %ss were finished before", j.kept, len(j.tasks[phase]), phase)
	}
	if j.complete(phase) {
		s.commit(j)
	}
}

// keep counts a task that was finished under an earlier leader.
func (s *Scheduler) keep(t *task) {
	if !t.kept {
		t.kept = true
		t.job.kept++
	}
}

// await notes which of the workers that may hold a job's runs have not joined yet.
func (s *Scheduler) await(j *job, workers []WorkerID, until time.Time) {
	j.await, j.awaitUntil = map[WorkerID]bool{}, until
	for _, id := range workers {
		if s.workers[id] == nil && !j.await[id] {
			j.await[id] = true
			s.awaited[id] = append(s.awaited[id], j)
		}
	}
}

// holdBack holds an awaiting job back until they have joined or the time is over.
func (s *Scheduler) holdBack(j *job) {
	if len(j.await) == 0 {
		s.setJob(j, jobRunning)
		return
	}
	j.pending = s.arm(j.awaitUntil, nil, func() {
		missing := slices.Sorted(maps.Keys(j.await))
		s.open(j, fmt.Sprintf("the wait is over without %s, %s first", many(len(missing), "worker"), missing[0]))
	})
}

// arrived ticks a worker off the lists of those waited for.
func (s *Scheduler) arrived(id WorkerID) {
	waiting := s.awaited[id]
	delete(s.awaited, id)
	for _, j := range waiting {
		delete(j.await, id)
		if len(j.await) == 0 && j.state == jobAwaiting {
			s.open(j, "all workers waited for have joined")
		}
	}
}

func (s *Scheduler) forgetAwait(j *job) {
	for id := range j.await {
		s.awaited[id] = slices.DeleteFunc(s.awaited[id], func(other *job) bool { return other == j })
		if len(s.awaited[id]) == 0 {
			delete(s.awaited, id)
		}
	}
	j.await = nil
}

func (s *Scheduler) open(j *job, why string) {
	s.touch(j)
	s.setJob(j, jobRunning)
	s.noteJob(j, NoteJobOpened, "%s; kept %s", why, many(j.kept, "finished task"))
	s.commitTorn(j)
}

// commitTorn begins a commit that waited to learn what is held.
func (s *Scheduler) commitTorn(j *job) {
	if j.torn && j.complete(j.last()) {
		s.commit(j)
	}
}

// cancel asks for a job's end; a commit under way goes first, and if it succeeds the job is done.
func (s *Scheduler) cancel(e Cancel) {
	j := s.jobs[e.Job]
	switch {
	case j == nil:
	case j.state == jobCommitting:
		s.noteJob(j, NoteCancelIgnored, "the job is committing; it was asked to end: %s", e.Reason)
		j.asked = &End{Canceled: true, Kind: errs.Canceled, Reason: e.Reason} // unless the commit fails
	case !j.over():
		s.wind(j, End{Canceled: true, Kind: errs.Canceled, Reason: e.Reason})
	}
}

// wind ends a job badly: stop everything, then End. The first cause stands.
func (s *Scheduler) wind(j *job, end End) {
	if j.over() || j.state == jobCommitting {
		return
	}
	end.Job = j.id
	j.end = end
	kind := NoteJobFailed
	if end.Canceled {
		kind = NoteJobCanceled
	}
	s.noteJob(j, kind, "%s; %s to stop", end.Reason, many(j.live.len(), "attempt"))
	s.setJob(j, jobStopping)
	for j.timers.len() > 0 {
		s.disarm(j.timers.items[0])
	}
	s.stopAll(j, "the job is ending")
	j.pending = s.arm(s.now.Add(s.cfg.StopGrace), nil, func() {
		s.sendEnd(j, fmt.Sprintf("%s did not stop within %v and will be cut off", many(j.live.len(), "attempt"), s.cfg.StopGrace))
	})
	s.quiesce(j)
}

// quiesce moves a stopping job on once nothing of it runs.
func (s *Scheduler) quiesce(j *job) {
	if j.state == jobStopping && j.live.len() == 0 {
		s.sendEnd(j, "nothing of it runs")
	}
}

func (s *Scheduler) sendEnd(j *job, text string) {
	s.setJob(j, jobEnding)
	s.noteJob(j, NoteJobEnded, "%s", text)
	s.emit(j.end)
}

func (s *Scheduler) ended(id JobID) {
	if j := s.jobs[id]; j != nil && (j.state == jobEnding || j.state == jobCommitting) {
		s.drop(j)
	}
}

// drop forgets a job. Its attempts that still run end with the Release, so their slots are free.
func (s *Scheduler) drop(j *job) {
	s.setJob(j, jobGone)
	s.emit(Release{Job: j.id})
	for j.live.len() > 0 {
		s.finish(j.live.items[0], attemptStopped)
	}
	for j.timers.len() > 0 {
		s.disarm(j.timers.items[0])
	}
	for j.held.len() > 0 {
		s.unhold(j.held.items[0])
	}
	s.line.remove(j)
	s.early.remove(j)
	delete(s.jobs, j.id)
}
