package reduceside

import (
	"bytes"
	"sync"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// Sources is what a reduce attempt knows of where its runs lie. The leader adds to it while maps still run; the attempt
// takes from it what it can fetch, and notes what has landed. Of each map task exactly one output is consumed: the first
// that lands whole. It is safe for concurrent use.
type Sources struct {
	changed chan struct{} // capacity 1: look again

	mu     sync.Mutex
	maps   []source       // guarded by mu; by map task
	asked  map[string]int // guarded by mu; runs asked for and not here yet, by worker
	landed int            // guarded by mu
	lost   bool           // guarded by mu; some cannot be had, so nothing more is asked for
	bad    error          // guarded by mu; what was wrong with something that was added
}

// source is one map task's.
type source struct {
	at     place // where it is said to lie
	asked  place // from where somebody fetches it
	landed place
}

// place is where the output of a map task lies; with no worker, nowhere.
type place struct {
	worker, addr string
	attempt      uint32
	digest       []byte // of the whole attempt, as the leader says
}

func placeOf(src *sessionv1.Source, i int) place {
	return place{src.GetWorker(), src.GetAddr(), src.GetAttempts()[i], src.GetDigests()[i]}
}

func (p place) known() bool { return p.worker != "" }

func (p place) is(q place) bool { return p.worker == q.worker && p.attempt == q.attempt }

// NewSources makes a table for so many map tasks, of which nothing is known yet.
func NewSources(maps int) *Sources {
	return &Sources{changed: make(chan struct{}, 1), maps: make([]source, maps), asked: map[string]int{}}
}

// Grow makes the table one for so many map tasks: some were cut in two. It never shrinks. That is said before the output of
// any of these can land, so it is an error (Unavailable, for the attempt to begin again) if all seemed to be there.
func (s *Sources) Grow(maps int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if maps <= len(s.maps) {
		return nil
	}
	if s.landed == len(s.maps) && s.landed > 0 {
		s.bad = errs.New(errs.Unavailable, "there are %d map tasks, and those of %d were taken for all", maps, len(s.maps))
		s.wake()
		return s.bad
	}
	s.maps = append(s.maps, make([]source, maps-len(s.maps))...)
	return nil
}

// Whole reports whether the runs of all map tasks have landed.
func (s *Sources) Whole() bool { return s.coming() == 0 }

// coming is of how many map tasks the runs have not landed.
func (s *Sources) coming() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.maps) - s.landed
}

// Add takes in where outputs lie, and of which map tasks there is none at present. The latest word on a map task counts;
// saying it again changes nothing. An output that has landed already is kept if the one now named is equal. If it is not,
// the map function gives different results each time, and what this attempt holds does not go together with what others
// will consume: an error of kind Unavailable, for the attempt to begin again. Nonsense is Invalid. Either ends a fetch that
// is under way.
func (s *Sources) Add(sources []*sessionv1.Source, gone []uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wake()
	err := s.add(sources, gone)
	if s.bad == nil {
		s.bad = err
	}
	return err
}

func (s *Sources) add(sources []*sessionv1.Source, gone []uint32) error {
	for _, src := range sources {
		tasks := src.GetTasks()
		if src.GetWorker() == "" || len(tasks) != len(src.GetAttempts()) || len(tasks) != len(src.GetDigests()) {
			return errs.New(errs.Invalid, "source %q: %d tasks with %d attempts and %d digests", src.GetWorker(), len(tasks), len(src.GetAttempts()), len(src.GetDigests()))
		}
		for i, task := range tasks {
			if int(task) >= len(s.maps) {
				return errs.New(errs.Invalid, "source %s: map task %d of %d", src.GetWorker(), task, len(s.maps))
			}
			m := &s.maps[task]
			s.move(m, placeOf(src, i))
			if m.landed.known() && !bytes.Equal(m.landed.digest, m.at.digest) {
				return errs.New(errs.Unavailable, "the output of map task %d was fetched from attempt %d (digest %x); the one that counts now is of attempt %d and is another (digest %x)",
					task, m.landed.attempt, m.landed.digest, m.at.attempt, m.at.digest)
			}
		}
	}
	for _, task := range gone {
		if int(task) >= len(s.maps) {
			return errs.New(errs.Invalid, "map task %d of %d is gone", task, len(s.maps))
		}
		s.move(&s.maps[task], place{})
	}
	return nil
}

// move notes where a run is said to lie now. What was asked for elsewhere is no longer waited for. mu is held.
func (s *Sources) move(m *source, to place) {
	m.at = to
	if m.asked.known() && !m.asked.is(to) {
		s.answer(m)
	}
}

// answer ends the wait for a run. mu is held.
func (s *Sources) answer(m *source) {
	w := m.asked.worker
	m.asked = place{}
	if s.asked[w]--; s.asked[w] == 0 {
		delete(s.asked, w)
		s.wake()
	}
}

func (s *Sources) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Landed is of how many map tasks the runs have landed.
func (s *Sources) Landed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.landed
}

// err is what was wrong with something that was added.
func (s *Sources) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

// ask gives the runs that can be fetched now, by worker, and counts them as asked for. Workers from which runs are still
// on their way are left out: what else they hold waits for the next time, and goes in one stream. Once runs were missing
// there is nothing to ask for: the attempt is over, and must not ask for the same ones again before it notices.
func (s *Sources) ask() []*sessionv1.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		return nil
	}
	var list []*sessionv1.Source
	by := map[string]*sessionv1.Source{}
	for task := range s.maps {
		m := &s.maps[task]
		if m.landed.known() || m.asked.known() || !m.at.known() {
			continue
		}
		src := by[m.at.worker]
		if src == nil {
			if s.asked[m.at.worker] > 0 {
				continue
			}
			src = &sessionv1.Source{Worker: m.at.worker, Addr: m.at.addr}
			by[m.at.worker] = src
			list = append(list, src)
		}
		m.asked = m.at
		src.Tasks, src.Attempts, src.Digests = append(src.Tasks, uint32(task)), append(src.Attempts, m.at.attempt), append(src.Digests, m.at.digest)
	}
	for _, src := range list {
		s.asked[src.Worker] = len(src.Tasks)
	}
	return list
}

// land notes a run that has come from where it was asked for. It reports false for one that is of no use: another is
// there already, or the leader has named an output since that is not equal.
func (s *Sources) land(src *sessionv1.Source, i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, from := &s.maps[src.GetTasks()[i]], placeOf(src, i)
	if m.asked.is(from) {
		s.answer(m)
	}
	if m.landed.known() || m.at.known() && !bytes.Equal(m.at.digest, from.digest) {
		return false
	}
	m.landed = from
	if s.landed++; s.landed == len(s.maps) {
		s.wake()
	}
	return true
}

// missing ends a fetch of these runs, and gives those that it should have brought and has not. Runs that the leader has
// called gone, or has moved, are not among them. why says what is known of one.
func (s *Sources) missing(list []*sessionv1.Source, why func(task uint32) string) (lost []shuffle.Missing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range list {
		for i, task := range src.GetTasks() {
			if m := &s.maps[task]; m.asked.is(placeOf(src, i)) {
				s.answer(m)
				s.lost = true
				lost = append(lost, shuffle.Missing{Worker: src.GetWorker(), Task: task, Attempt: src.GetAttempts()[i], Why: why(task)})
			}
		}
	}
	return lost
}

// moved reports whether nothing more is wanted of a fetch of these runs: some have gone or lie elsewhere, the others are
// here.
func (s *Sources) moved(list []*sessionv1.Source) (moved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range list {
		for i, task := range src.GetTasks() {
			at := placeOf(src, i)
			if s.maps[task].asked.is(at) {
				return false
			}
			moved = moved || !s.maps[task].landed.is(at)
		}
	}
	return moved
}

// consumed is what has landed of each map task. Each must be there: a result without one would be wrong, and nobody would
// notice.
func (s *Sources) consumed() ([]Input, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Input, len(s.maps))
	for task := range s.maps {
		m := &s.maps[task]
		if !m.landed.known() {
			return nil, errs.New(errs.Corrupt, "the output of map task %d of %d is not among what was fetched", task, len(s.maps))
		}
		all[task] = Input{Task: uint32(task), Attempt: m.landed.attempt, Output: m.landed.digest}
	}
	return all, nil
}
