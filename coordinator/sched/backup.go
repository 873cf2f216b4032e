package sched

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A slow attempt gets a rival: a backup attempt of the same task on another worker. The first to end well wins, the other
// is stopped; an end of one that is not good leaves the task to the other. What is slow is judged by the rate at which
// attempts work and not by how far they are, for tasks differ in size and begin at different times; and the one that
// would end last goes first (LATE: Zaharia et al., Improving MapReduce Performance in Heterogeneous Environments, 2008).
//
// Backups take nothing from anybody but hungry reduces: there are none while a ready task waits for a slot. A reduce has
// a rival only while all maps of its job are done: while it may be hungry, one slot is enough to wait in.

// Backup says which attempts get rivals. Zero fields mean the defaults named.
type Backup struct {
	Off    bool
	Slower float64       // slow is below this share of the median rate of a job's attempts of the phase; default 0.5
	MinAge time.Duration // an attempt is judged when it has run for so long; its news may be as old; default 3 s
	Share  float64       // the share of a job's running tasks, one at least, that have rivals at a time; default 0.1
	PerJob int           // the rivals a job has in all; default 64
}

const (
	defaultSlower     = 0.5
	defaultMinAge     = 3 * time.Second
	defaultShare      = 0.1
	defaultPerJob     = 64
	maxBackups        = 2  // rivals a task has in all: what is slow three times is so by itself
	fewestRates       = 3  // with fewer of them a median says nothing
	ratesKept         = 64 // of finished attempts of a phase
	looksPerMinAge    = 3
	speedMemory       = 0.5 // the weight of the past in worker.speed
	unknown           = -1  // of a rate
	nanosecondsSecond = float64(time.Second)
)

func (b Backup) withDefaults() Backup {
	if b.Slower <= 0 {
		b.Slower = defaultSlower
	}
	if b.MinAge <= 0 {
		b.MinAge = defaultMinAge
	}
	if b.Share <= 0 {
		b.Share = defaultShare
	}
	if b.PerJob <= 0 {
		b.PerJob = defaultPerJob
	}
	return b
}

// pace is what is known of how fast an attempt works.
type pace struct {
	from        time.Time // what is measured began then; zero: not yet
	before      int64     // done before that
	done, total int64
	at          time.Time // done grew last
}

// start begins to measure an attempt that has just been ordered.
func (p *pace) start(now time.Time) { p.from, p.at = now, now }

// heard takes news of an attempt. One that was found running is measured from the first on.
func (p *pace) heard(now time.Time, done, total int64) {
	if total <= 0 {
		return
	}
	if p.from.IsZero() {
		p.from, p.at, p.before, p.done = now, now, done, done
	}
	if done > p.done {
		p.done, p.at = done, now
	}
	p.total = max(total, p.done)
}

// rate is the work done in a second. News may be late by so much; what has been silent for longer did nothing since.
func (p *pace) rate(now time.Time, late time.Duration) float64 {
	span := max(p.at.Sub(p.from), now.Sub(p.from)-late)
	if p.from.IsZero() || p.total <= 0 || now.Sub(p.from) < late || span <= 0 {
		return unknown
	}
	return float64(p.done-p.before) / span.Seconds()
}

// rest is how many seconds are left. One that has been silent for long may well be so for as long again, though it has
// taken in all its input.
func (p *pace) rest(now time.Time, rate float64, late time.Duration) float64 {
	silent := max(0, now.Sub(p.at)-late).Seconds()
	if p.done >= p.total {
		return silent
	}
	return max(silent, float64(p.total-p.done)/rate)
}

// speeds are the rates of the latest finished attempts of a phase.
type speeds struct {
	list []float64
	next int
}

func (r *speeds) add(rate float64) {
	if len(r.list) < ratesKept {
		r.list = append(r.list, rate)
		return
	}
	r.list[r.next] = rate
	r.next = (r.next + 1) % ratesKept
}

// median is the middle one of some rates; unknown of too few.
func median(rates []float64) float64 {
	if len(rates) < fewestRates {
		return unknown
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}

// measure notes how fast an attempt was that ended well, and what that says of its worker.
func (s *Scheduler) measure(a *attempt, work int64) {
	p := &a.pace
	if work <= 0 {
		work = p.total
	}
	took := s.now.Sub(p.from).Seconds()
	if a.job == nil || a.task == nil || p.from.IsZero() || p.before > 0 || work <= 0 || took <= 0 {
		return
	}
	rate := float64(work) / took
	of := &a.job.speeds[a.id.Phase]
	if m := median(slices.Clone(of.list)); m > 0 {
		w := a.worker
		if w.speed == 0 {
			w.speed = 1
		}
		w.speed = speedMemory*w.speed + (1-speedMemory)*rate/m
	}
	of.add(rate)
}

// race looks for slow attempts while there are slots for rivals of them, a few times in the age at which they are judged.
func (s *Scheduler) race() {
	if s.cfg.Backup.Off || s.raced == 0 || s.ready > 0 || s.free.len() == 0 && s.hungry.tail == nil {
		s.disarm(s.look)
		s.look, s.promised = nil, s.promised && s.raced > 0
		return
	}
	if next := s.looked.Add(s.cfg.Backup.MinAge / looksPerMinAge); s.now.Before(next) && !(s.promised && s.free.len() > 0) {
		if s.look == nil {
			s.look = s.arm(next, nil, func() { s.look = nil }) // the step that it wakes comes by here
		}
		return
	}
	s.looked, s.promised = s.now, false
	s.disarm(s.look)
	s.look = s.arm(s.now.Add(s.cfg.Backup.MinAge/looksPerMinAge), nil, func() { s.look = nil })
	var racing []*job
	for _, j := range s.jobs {
		if j.raced {
			racing = append(racing, j)
		}
	}
	slices.SortFunc(racing, func(a, b *job) int {
		if goesFirst(a, b) {
			return -1
		}
		return 1
	})
	for _, j := range racing {
		if !s.back(j) {
			return
		}
	}
}

// straggler is a slow attempt, and the numbers that say so.
type straggler struct {
	*attempt
	rate, median, rest, fresh float64 // work a second; seconds
}

// back gives rivals to slow attempts of a job, the one that would end last first. It reports false where there is no slot
// for one.
func (s *Scheduler) back(j *job) bool {
	rivals := 0
	for _, a := range j.live.items {
		if a.current() && a.task.rival == a {
			rivals++
		}
	}
	running := j.counts[Map][taskRunning] + j.counts[Reduce][taskRunning]
	room := min(max(1, int(math.Ceil(s.cfg.Backup.Share*float64(running))))-rivals, s.cfg.Backup.PerJob-j.backups)
	for _, slow := range s.stragglers(j) {
		if room <= 0 {
			return true
		}
		w := s.rivalWorker(slow.attempt)
		if w == nil {
			s.makeRoom(slow.attempt)
			return false
		}
		s.rival(slow, w)
		room--
	}
	return true
}

// stragglers are the attempts of a job that are slow and that a fresh attempt would overtake, the last to end first.
func (s *Scheduler) stragglers(j *job) (slow []straggler) {
	for p := range j.speeds {
		if Phase(p) == Reduce && !j.complete(Map) {
			continue
		}
		var judged []straggler
		rates := slices.Clone(j.speeds[p].list)
		for _, a := range j.live.items {
			if int(a.id.Phase) != p || !a.current() {
				continue
			}
			if r := a.pace.rate(s.now, s.cfg.Backup.MinAge); r != unknown {
				judged = append(judged, straggler{attempt: a, rate: r})
				rates = append(rates, r)
			}
		}
		m := median(rates)
		if m <= 0 {
			continue
		}
		for _, x := range judged {
			x.median, x.rest, x.fresh = m, x.pace.rest(s.now, x.rate, s.cfg.Backup.MinAge), float64(x.pace.total)/m
			if x.rate >= s.cfg.Backup.Slower*m || x.pace.done == 0 && s.now.Sub(x.pace.from).Seconds() < x.fresh {
				continue // tasks of one batch tell of it when it is done
			}
			x.worker.slowAt = s.now
			if t := x.task; t.rival == nil && t.backups < maxBackups && x.rest > x.fresh {
				slow = append(slow, x)
			}
		}
	}
	slices.SortStableFunc(slow, func(a, b straggler) int {
		return cmp.Or(cmp.Compare(b.rest, a.rest), cmp.Compare(a.id.Phase, b.id.Phase), cmp.Compare(a.id.Index, b.id.Index))
	})
	return slow
}

// isSlow reports whether a worker is no place for a rival.
func (s *Scheduler) isSlow(w *worker) bool {
	return w.slowAt.Equal(s.now) || w.speed > 0 && w.speed < s.cfg.Backup.Slower
}

// rivalWorker is the best free worker for a rival of a, or nil. One on probation is no help.
func (s *Scheduler) rivalWorker(a *attempt) (best *worker) {
	for _, w := range s.free.items {
		if w.state == workerActive && w != a.worker && w != a.task.avoid && !s.isSlow(w) && (best == nil || lessLoaded(w, best)) {
			best = w
		}
	}
	return best
}

// makeRoom has a hungry reduce give up its slot for a rival of a, the last to begin first. One such slot is waited for at
// a time.
func (s *Scheduler) makeRoom(a *attempt) {
	if s.yielding > 0 {
		return
	}
	for n := s.hungry.tail; n != nil; n = n.prev {
		if w := n.of.worker; w != a.worker && w != a.task.avoid && !s.isSlow(w) {
			s.giveUp(n.of, "it waits for runs, and a backup of a slow attempt needs the slot")
			s.promised = true
			return
		}
	}
}

// rival starts a backup of a slow attempt on w.
func (s *Scheduler) rival(slow straggler, w *worker) {
	t := slow.task
	j := t.job
	left := 100 * float64(slow.pace.total-slow.pace.done) / float64(max(1, slow.pace.total))
	s.noteAttempt(j, NoteAttemptSlow, slow.attempt, "%.0f %% of it are left after %v; it does %.4g a second, the median is %.4g: %s to go, a fresh attempt takes %s",
		left, s.now.Sub(slow.pace.from).Round(time.Millisecond), slow.rate, slow.median, seconds(slow.rest), seconds(slow.fresh))
	a := s.enlist(t, w)
	t.rival = a
	t.next = a.id.Attempt + 1
	t.backups++
	j.backups++
	s.listen(a)
	s.touch(j)
	s.order(a)
	s.noteAttempt(j, NoteAttemptStarted, a, "backup of attempt %d on worker %s; slot %d of %d", t.current.id.Attempt, t.current.worker.id, w.busy(), w.slots)
	s.ask(slow.attempt)
}

func seconds(s float64) string {
	if s*float64(time.Second) > math.MaxInt64 {
		return "for ever"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// endRivals stops the rivals of a job's reduces: a map is to be made again.
func (s *Scheduler) endRivals(j *job) {
	for _, a := range j.live.items {
		if t := a.task; t != nil && t.phase == Reduce && t.rival == a {
			s.stop(a, "a map is made again, and one attempt is enough to wait for it")
		}
	}
}
