package sched

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	runs = flag.Int("model.runs", 400, "random runs of the model test")
	seed = flag.Uint64("model.seed", 0, "one seed to replay, with its log")
)

// TestModel drives the scheduler by a model of everything around it: workers that crash, hang, lose their disk, lose
// their stream and come back; reports that come late, twice or after a leader change; leaders that die between any two
// steps; users who cancel. After each step the scheduler's counts are compared with a recount, and its orders with what
// may be ordered. Then the world calms down, and every job must end.
func TestModel(t *testing.T) {
	if *seed != 0 {
		w := newWorld(*seed)
		w.verbose = true
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		return
	}
	var sum tally
	for i := range uint64(*runs) {
		w := newWorld(i + 1)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d (replay with -model.seed=%d): %v", i+1, i+1, err)
		}
		sum.add(w.tally)
	}
	t.Logf("%d runs: %+v", *runs, sum)
	if *runs >= 100 && (sum.Committed == 0 || sum.Failed == 0 || sum.Canceled == 0 || sum.Recommits == 0 || sum.Leaders == 0 || sum.Adopted == 0 ||
		sum.Early == 0 || sum.Redone == 0 || sum.Yielded == 0 || sum.Gone == 0 || sum.Backups == 0 || sum.BackupsWon == 0 || sum.Upset == 0 ||
		sum.Cuts == 0 || sum.CutsLost == 0 || sum.CutsUnheard == 0 || sum.Misfits == 0 || sum.Ranges == 0) {
		t.Errorf("the model did not reach everything: %+v", sum)
	}
}

type tally struct {
	Ranges                                                                                         int
	Steps, Starts, Leaders, Committed, Failed, Canceled, Recommits, Redone, Adopted, Missing, Lost int
	// Of reduces that began before all maps were done: begun, stopped for others, told that an output is gone, found to
	// hold another output than the chosen one.
	Early, Yielded, Gone, Contradicted int
	// Backups of slow attempts: begun, done before the other, ended badly beside it.
	Backups, BackupsWon, Upset int
	// Tails of slow maps: recorded; not, as the leader died; recorded by a leader that died of it. Outputs of another extent
	// than their task's, dropped.
	Cuts, CutsLost, CutsUnheard, Misfits int
}

func (a *tally) add(b tally) {
	a.Steps += b.Steps
	a.Starts += b.Starts
	a.Leaders += b.Leaders
	a.Committed += b.Committed
	a.Failed += b.Failed
	a.Canceled += b.Canceled
	a.Recommits += b.Recommits
	a.Redone += b.Redone
	a.Ranges += b.Ranges
	a.Adopted += b.Adopted
	a.Missing += b.Missing
	a.Lost += b.Lost
	a.Early += b.Early
	a.Yielded += b.Yielded
	a.Gone += b.Gone
	a.Contradicted += b.Contradicted
	a.Backups += b.Backups
	a.BackupsWon += b.BackupsWon
	a.Upset += b.Upset
	a.Cuts += b.Cuts
	a.CutsLost += b.CutsLost
	a.CutsUnheard += b.CutsUnheard
	a.Misfits += b.Misfits
}

// durable is what the store says of a job; it survives leaders.
type durable struct {
	id            JobID
	maps, reduces int
	extents       []extent // by map; maps is their number
	claims        int
	cut           *pendingCut // of this leader
	sorted        bool        // its reduces are ranges of keys
	ranges        bool        // which are durable
	asked         bool        // for by this leader
	gen           int32
	records       map[TaskID]Consumed // winners under gen
	holders       map[WorkerID]bool
	random        bool // its map function gives something else each time
	strict        bool
	redone        int
	published     map[TaskID]bool // parts that are visible
	over          bool
	answer        Effect // Commit or End, not answered yet
	openAt        time.Time
	await         map[WorkerID]bool // of this leader, not seen yet
	admitted      bool              // by this leader
	released      bool              // by this leader
}

// host is a worker process.
type host struct {
	id       WorkerID
	slots    int
	alive    bool
	joined   bool // this leader thinks it has a session
	draining bool
	running  []*order
	stopping map[AttemptID]bool
	held     []MapOutput
	unacked  []Event
}

// order is an attempt on a worker. A reduce lands what its sources name; what has landed stays.
type order struct {
	Start
	landed []Source // by map; no worker: not yet
	extent extent   // of a map
	yield  bool
}

type world struct {
	tally
	rng     *rand.Rand
	s       *Scheduler
	now     time.Time
	jobs    []*durable
	hosts   []*host
	echoes  []Event                         // copies of reports, delivered whenever
	slots   map[WorkerID]map[AttemptID]bool // what the leader has to believe is running
	started map[AttemptID]bool              // by any leader
	leader  int32
	slow    map[AttemptID]int // how slow an attempt is, where something is known of it
	room    int               // more slots a worker: fewer reduces yield
	verbose bool
	calm    bool
	err     error
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), now: zero, started: map[AttemptID]bool{}, slow: map[AttemptID]int{}}
	w.room = 1 + 2*w.rng.IntN(2)
	w.lead()
	for range w.rng.IntN(4) {
		w.submit()
		w.claim()
		w.addHost((1 + w.rng.IntN(3)) * w.room)
		w.joinOne(false)
	}
	return w
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

func pick[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }

func (w *world) failf(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *world) run() error {
	for range 50 + w.rng.IntN(600) {
		w.act()
		if w.err != nil {
			return w.err
		}
	}
	return w.settle()
}

// lead puts a new scheduler in the place of the old one, which has died.
func (w *world) lead() {
	w.leader++
	w.s = New(Config{Seed: uint64(w.leader), BackoffBase: time.Second, MaxLosses: 4, AttemptStall: time.Minute, StallAfter: 3 * time.Minute,
		SlowStart: []float64{0.01, 0.3, 0, 1}[w.rng.IntN(4)],
		Backup:    Backup{Off: w.chance(20), MinAge: time.Duration(1+w.rng.IntN(6)) * time.Second, Share: w.rng.Float64(), PerJob: w.rng.IntN(9)}})
	w.slots = map[WorkerID]map[AttemptID]bool{}
	for _, h := range w.hosts {
		h.joined = false
	}
	for _, j := range w.jobs {
		w.interrupt(j)
		j.admitted, j.released, j.asked = false, false, false
		if j.answer != nil && w.chance(50) { // it was durable before the leader died
			w.resolve(j)
		}
		j.answer = nil
	}
	w.step(Tick{})
}

// act does one random thing.
func (w *world) act() {
	if w.chance(20) && w.hasten() {
		return
	}
	switch n := w.rng.IntN(100); {
	case n < 4 && len(w.jobs) < 6:
		w.submit()
	case n < 10 && len(w.hosts) < 12:
		w.addHost(w.rng.IntN(4) * w.room)
	case n < 12:
		w.crash()
	case n < 14:
		w.breakStream()
	case n < 15 && w.leader < 5:
		w.tally.Leaders++
		w.lead()
	case n < 25:
		w.claim()
	case n < 35:
		w.joinOne(w.chance(10))
	case n < 36:
		w.drainOne()
	case n < 37 && len(w.jobs) > 0:
		w.step(Cancel{Job: pick(w, w.jobs).id, Reason: "model"})
	case n < 45:
		w.answerOne()
	case n < 50:
		w.pass()
	case n < 53 && len(w.echoes) > 0:
		w.deliver(pick(w, w.echoes))
	case n < 55:
		w.eraseDisk()
	case n < 60:
		w.progress()
	case n < 80:
		w.finishOne()
	default:
		w.deliverOne()
	}
}

func (w *world) addHost(slots int) {
	id := WorkerID(fmt.Sprintf("w%d", len(w.hosts)))
	w.hosts = append(w.hosts, &host{id: id, slots: slots, alive: true, stopping: map[AttemptID]bool{}})
}

func (w *world) submit() {
	id := JobID(fmt.Sprintf("j%d", len(w.jobs)))
	w.jobs = append(w.jobs, &durable{
		id: id, maps: w.rng.IntN(6), reduces: w.rng.IntN(4), records: map[TaskID]Consumed{}, holders: map[WorkerID]bool{},
		random: w.chance(30), strict: w.chance(20), sorted: w.chance(30), published: map[TaskID]bool{},
	})
	j := w.jobs[len(w.jobs)-1]
	for i := range j.maps {
		j.extents = append(j.extents, extent{split: i, to: splitEnd})
	}
}

// claim admits a job this leader does not know yet.
func (w *world) claim() {
	for _, j := range w.jobs {
		if j.admitted || j.over {
			continue
		}
		j.admitted = true
		j.claims++
		e := Admit{
			Uncut: j.sorted && !j.ranges, Tails: j.claims == 1 && j.gen == 0,
			Job: j.id, Maps: j.maps, Reduces: j.reduces, MaxAttempts: 3, Gen: j.gen, Priority: w.rng.IntN(3),
			Strict: j.strict, Redone: j.redone, Published: len(j.published) > 0,
			Finished: maps.Clone(j.records), FirstAttempt: w.leader * 1000, AwaitUntil: w.now.Add(15 * time.Second),
		}
		j.openAt, j.await = e.AwaitUntil, map[WorkerID]bool{}
		for _, id := range slices.Sorted(maps.Keys(j.holders)) {
			e.Await = append(e.Await, id)
			if w.slots[id] == nil {
				j.await[id] = true
			}
		}
		w.step(e)
		return
	}
}

func (w *world) some(want func(*host) bool) *host {
	var list []*host
	for _, h := range w.hosts {
		if want(h) {
			list = append(list, h)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pick(w, list)
}

// resolve makes the leader's decision about a job durable and returns the event that says so.
func (w *world) resolve(j *durable) Event {
	answer := j.answer
	j.answer = nil
	if _, ok := answer.(End); ok {
		j.over = true
		return Ended{Job: j.id}
	}
	if redo, ok := answer.(Redo); ok {
		w.Redone++
		j.gen++
		j.redone++
		for _, id := range redo.Tasks {
			delete(j.records, id)
		}
		return CommitFailed{Job: j.id, Gen: j.gen, Lost: redo.Tasks}
	}
	if !w.calm && w.chance(30) {
		w.Recommits++
		e := CommitFailed{Job: j.id, Gen: j.gen + 1}
		kept := map[TaskID]Consumed{}
		for id, c := range j.records {
			if j.published[id] || w.chance(50) {
				kept[id], j.published[id] = c, true
			}
		}
		for _, p := range []Phase{Map, Reduce} {
			for i := range max(j.maps, j.reduces) {
				id := TaskID{Job: j.id, Phase: p, Index: int32(i)}
				_, had := j.records[id]
				if _, has := kept[id]; had && !has {
					e.Lost = append(e.Lost, id)
				}
			}
		}
		j.gen, j.records = e.Gen, kept
		e.Published = len(j.published) > 0
		return e
	}
	j.over = true
	return Committed{Job: j.id}
}

func (w *world) answerOne() {
	for _, j := range w.jobs {
		if j.cut != nil && j.admitted {
			w.recordCut(j)
			return
		}
	}
	for _, j := range w.jobs {
		if j.asked && !j.ranges && j.admitted && !j.over {
			w.Ranges++
			j.ranges = true
			if !w.calm && w.leader < 5 && w.chance(20) { // the leader is lost before it knows
				w.tally.Leaders++
				w.lead()
				return
			}
			w.step(CutDone{Job: j.id})
			return
		}
	}
	for _, j := range w.jobs {
		if j.answer != nil && j.admitted {
			w.step(w.resolve(j))
			return
		}
	}
}

// pass lets some time go by.
func (w *world) pass() {
	until := w.now.Add(time.Duration(w.rng.Int64N(int64(20 * time.Second))))
	for {
		wake := w.s.NextWake()
		if wake.IsZero() || wake.After(until) {
			break
		}
		w.now = wake
		w.step(Tick{})
	}
	w.now = until
}

func (w *world) eraseDisk() {
	if h := w.some(func(h *host) bool { return len(h.held) > 0 }); h != nil {
		h.held = h.held[1:]
	}
}

// progress lets one attempt tell how far it is, or all of them after a while, so that they can be held against each other.
func (w *world) progress() {
	tell := func(h *host, o *order) {
		w.land(h, o)
		if w.slow[o.ID] == 0 {
			w.slow[o.ID] = 1 + 99*w.rng.IntN(2)
		}
		w.step(Progress{ID: o.ID, Landed: o.count(), Done: int64(1000 / w.slow[o.ID]), Total: 2000})
	}
	if w.chance(50) {
		if h := w.some(func(h *host) bool { return len(h.running) > 0 && h.joined }); h != nil {
			tell(h, pick(w, h.running))
		}
		return
	}
	w.now = w.now.Add(time.Duration(w.rng.Int64N(int64(9 * time.Second)))) // a rate needs a time
	for _, h := range w.hosts {
		for _, o := range slices.Clone(h.running) {
			if h.joined && slices.Contains(h.running, o) {
				tell(h, o)
			}
		}
	}
	w.step(Tick{})
}

func (w *world) job(id JobID) *durable {
	for _, j := range w.jobs {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (w *world) host(id WorkerID) *host {
	for _, h := range w.hosts {
		if h.id == id {
			return h
		}
	}
	return nil
}

// lastBlow ends the trouble with a last one: often all workers die but the one that reduces wait on. Where there is one
// slot all must end with that: nothing may hold on to it and wait for another. Else there is a new worker.
func (w *world) lastBlow() {
	last := w.some(func(h *host) bool {
		return h.alive && h.joined && !h.draining && h.slots > 0 && w.s.workers[h.id].hungry > 0
	})
	if last == nil || w.chance(30) {
		w.addHost(1 + w.rng.IntN(2))
		return
	}
	for _, h := range w.hosts {
		if h != last && w.chance(90) {
			h.die()
		}
	}
}

// settle ends all trouble and drives the world until every job is over.
func (w *world) settle() error {
	w.calm = true
	w.lastBlow()
	for range 3000 {
		if w.err != nil {
			return w.err
		}
		busy := false
		before := w.Steps
		w.claim()
		w.joinOne(false)
		w.answerOne()
		w.deliverOne()
		w.finishOne()
		for _, h := range w.hosts {
			busy = busy || h.alive && len(h.unacked) > 0
		}
		for _, j := range w.jobs {
			busy = busy || !j.over
		}
		if w.Steps == before {
			if !busy && w.s.NextWake().IsZero() {
				return w.after()
			}
			if wake := w.s.NextWake(); wake.After(w.now) {
				w.now = wake
			}
			w.step(Tick{})
		}
	}
	var open []string
	for _, j := range w.jobs {
		if !j.over {
			open = append(open, fmt.Sprintf("%s (%+v)", j.id, w.s.jobs[j.id]))
		}
	}
	return fmt.Errorf("jobs that never end: %s", strings.Join(open, "; "))
}

// after checks that nothing is left behind.
func (w *world) after() error {
	s := w.s
	if n := len(s.jobs) + len(s.strays) + len(s.awaited) + s.timers.len() + length(&s.silent) + length(&s.idle) + length(&s.hungry) + s.ready + s.yielding; n > 0 || w.err != nil {
		return fmt.Errorf("%d things are left, %v", n, w.err)
	}
	for _, v := range s.Workers() {
		if v.Busy > 0 {
			return fmt.Errorf("worker %s has %d slots in use and there is no job", v.ID, v.Busy)
		}
	}
	return nil
}
