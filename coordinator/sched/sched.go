package sched

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Scheduler is the state machine. It is not safe for concurrent use. The same seed, events and times give the same
// effects, in the same order.
type Scheduler struct {
	cfg Config
	rng *rand.Rand
	now time.Time // of the latest Step
	out []Effect  // of the Step under way

	jobs    map[JobID]*job
	workers map[WorkerID]*worker
	strays  map[JobID]*stray    // what workers brought along of jobs not admitted (yet)
	store   *worker             // holds what lies in the store; not among workers, never lost
	awaited map[WorkerID][]*job // jobs that wait for a worker to join

	line   heap[*job]     // running jobs with a ready task: highest priority first, then oldest
	early  heap[*job]     // running jobs whose reduces may have what is left, in the same order
	free   heap[*worker]  // workers that take attempts and have a free slot: least loaded first
	timers heap[*timer]   // by time
	silent list[*attempt] // running attempts by their last progress
	hungry list[*attempt] // reduces that wait for runs, on active workers: the last to begin is the first to yield
	idle   list[*job]     // running jobs of which nothing runs, by their last progress

	barred bag[*worker] // on probation, without an attempt to try them
	well   int          // attempts done so far

	armed    uint64    // timers so far; breaks ties
	admitted uint64    // jobs so far; the order of the line within a priority
	turns    uint64    // orders and joins so far; the round robin among workers of equal load
	usable   int       // slots that can be had or will be: of workers that take attempts, not held by one told to stop
	active   int       // workers with such a slot
	drySince time.Time // since when usable is 0
	ready    int       // tasks that may start as soon as there is a slot; only watch writes it
	yielding int       // slots that hungry reduces were told to give up, and are waited for
	raced    int       // jobs of which something runs that may get a rival; only watch writes it
	look     *timer    // the next look for slow attempts
	looked   time.Time // the latest
	promised bool      // a hungry reduce was told to give its slot to a backup: look when one is free
	stirred  []*job    // jobs whose reduces may have to be told of sources, in this step
}

// Defaults of Config.
const (
	defaultBackoffBase  = 500 * time.Millisecond
	defaultBackoffMax   = 30 * time.Second
	defaultStallAfter   = 10 * time.Minute
	defaultAttemptStall = 10 * time.Minute
	defaultMaxLosses    = 8
	defaultStopGrace    = 10 * time.Second
	defaultStrayAfter   = time.Minute
	defaultMaxAttempts  = 4
	// Two bad ends in a row are chance where many tasks fail; a worker's return costs one attempt.
	defaultProbationAfter = 3
	defaultProbationBase  = 5 * time.Second
	defaultProbationMax   = 5 * time.Minute
	// With fewer maps done there is little to fetch; the slots are nobody's either way.
	defaultSlowStart = 0.5
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.BackoffBase, defaultBackoffBase)
	set(&c.BackoffMax, defaultBackoffMax)
	set(&c.StallAfter, defaultStallAfter)
	set(&c.AttemptStall, defaultAttemptStall)
	set(&c.StopGrace, defaultStopGrace)
	set(&c.StrayAfter, defaultStrayAfter)
	set(&c.ProbationBase, defaultProbationBase)
	set(&c.ProbationMax, defaultProbationMax)
	if c.ProbationAfter == 0 {
		c.ProbationAfter = defaultProbationAfter
	}
	if c.MaxLosses <= 0 {
		c.MaxLosses = defaultMaxLosses
	}
	if c.SlowStart <= 0 {
		c.SlowStart = defaultSlowStart
	}
	c.Backup = c.Backup.withDefaults()
	return c
}

// New makes a scheduler that knows no job and no worker.
func New(cfg Config) *Scheduler {
	cfg = cfg.withDefaults()
	return &Scheduler{
		cfg:     cfg,
		rng:     rand.New(rand.NewPCG(cfg.Seed, 0x6d7263746c)),
		jobs:    map[JobID]*job{},
		workers: map[WorkerID]*worker{},
		strays:  map[JobID]*stray{},
		store:   newWorker(InStore, 0),
		awaited: map[WorkerID][]*job{},
		line:    heap[*job]{less: goesFirst, at: func(j *job) *int { return &j.inLine }},
		early:   heap[*job]{less: goesFirst, at: func(j *job) *int { return &j.inEarly }},
		free:    heap[*worker]{less: lessLoaded, at: func(w *worker) *int { return &w.inFree }},
		barred:  bag[*worker]{at: func(w *worker) *int { return &w.inBarred }},
		timers:  heap[*timer]{less: sooner, at: func(t *timer) *int { return &t.inHeap }},
	}
}

// View is a snapshot of a job the scheduler still knows; it costs the same for a job of any size.
func (s *Scheduler) View(id JobID) (JobView, bool) {
	j := s.jobs[id]
	if j == nil {
		return JobView{}, false
	}
	count := func(p Phase) TaskCounts {
		c := &j.counts[p]
		n := TaskCounts{Total: len(j.tasks[p]), Done: c[taskDone], Running: c[taskRunning]}
		n.Waiting = n.Total - n.Done - n.Running
		return n
	}
	return JobView{
		Map: count(Map), Reduce: count(Reduce),
		AttemptsFailed: j.attemptsFailed, AttemptsLost: j.attemptsLost, Kept: j.kept, Redone: j.redone,
	}, true
}

// Output says where the chosen output of a map task lies; false while there is none. Counters of a job are those of the
// chosen attempts alone.
func (s *Scheduler) Output(id TaskID) (Source, bool) {
	j := s.jobs[id.Job]
	if j == nil {
		return Source{}, false
	}
	t := j.task(id)
	if t == nil || t.out.worker == nil {
		return Source{}, false
	}
	return t.out.source(), true
}

// NextWake is when Step wants its next Tick; zero for never. An event before that may move it.
func (s *Scheduler) NextWake() time.Time {
	var wake time.Time
	sooner := func(at time.Time) {
		if wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	if t, ok := s.timers.top(); ok {
		sooner(t.at)
	}
	if n := s.silent.head; n != nil {
		sooner(s.silentUntil(n))
	}
	if at, ok := s.starvesAt(); ok {
		sooner(at)
	}
	return wake
}

// WorkerView is a snapshot of a worker for people.
type WorkerView struct {
	ID           WorkerID
	Slots, Busy  int
	Draining     bool
	Probation    bool
	Done, Failed int // attempts since it joined
}

// Workers is a snapshot of the workers, sorted by id.
func (s *Scheduler) Workers() []WorkerView {
	views := make([]WorkerView, 0, len(s.workers))
	for _, w := range s.workers {
		views = append(views, WorkerView{
			ID: w.id, Slots: w.slots, Busy: w.busy(), Draining: w.state == workerDraining, Probation: w.state == workerBarred || w.state == workerProbing,
			Done: w.done, Failed: w.failed,
		})
	}
	slices.SortFunc(views, func(a, b WorkerView) int { return cmp.Compare(a.ID, b.ID) })
	return views
}
