package sched

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// TestTenThousandWorkers runs ten jobs on 10,000 workers in virtual time: attempts of random length, one in a hundred
// fails, and every now and then a worker is lost with the runs it holds. Every job ends well, and all of it takes seconds.
func TestTenThousandWorkers(t *testing.T) {
	const (
		workers, slots     = 10_000, 4
		jobs               = 10
		mapsEach, reduces  = 20_000, 100
		lossEvery          = 15 * time.Second
		longest            = 20 * time.Second // of an attempt
		fetching           = time.Second      // of it a reduce needs the runs
		boundOnVirtualTime = time.Hour
	)
	began := time.Now()
	type end struct { // an attempt's end that is to come
		at    time.Time
		began time.Time
		start Start
		index int
		wait  int // sources not known
	}
	var (
		s         = New(Config{Seed: 3})
		rng       = rand.New(rand.NewPCG(3, 3))
		now       = zero
		due       = heap[*end]{less: func(a, b *end) bool { return a.at.Before(b.at) }, at: func(e *end) *int { return &e.index }}
		lost      = map[WorkerID]time.Time{}
		name      = func(n int) WorkerID { return WorkerID(fmt.Sprintf("worker-%05d", n)) }
		waiting   = map[AttemptID]*end{} // early reduces
		stops     []Stopped
		committed int
		events    int
		early     int
	)
	var step func(e Event)
	step = func(e Event) {
		events++
		for _, effect := range s.Step(now, e) {
			switch e := effect.(type) {
			case Start:
				x := &end{at: now.Add(time.Duration(rng.Int64N(int64(longest)))), began: now, start: e}
				x.start.Sources = slices.Clone(e.Sources)
				for _, src := range e.Sources {
					if src.Worker == "" {
						x.wait++
					}
				}
				if x.wait > 0 {
					early++
					waiting[e.ID] = x // it ends some time after it is told of the last
				} else {
					due.add(x)
				}
			case Feed:
				if x := waiting[e.ID]; x != nil {
					for _, src := range e.Sources {
						x.wait += missing(src.Source) - missing(x.start.Sources[src.Map])
						x.start.Sources[src.Map] = src.Source
					}
					if x.wait == 0 {
						delete(waiting, e.ID)
						x.began, x.at = now, now.Add(time.Duration(rng.Int64N(int64(longest))))
						due.add(x)
					}
				}
			case Stop:
				if waiting[e.ID] != nil {
					delete(waiting, e.ID)
					stops = append(stops, Stopped{ID: e.ID, Worker: e.Worker})
				}
			case Commit:
				committed++
				step(Committed(e))
			case End:
				t.Fatalf("%s ended: %s", e.Job, e.Reason)
			}
		}
	}
	for n := range workers {
		step(Join{Worker: name(n), Slots: slots})
	}
	for n := range jobs {
		step(Admit{Job: JobID(fmt.Sprintf("job-%d", n)), Maps: mapsEach, Reduces: reduces, MaxAttempts: 10, Priority: n % 3})
	}
	nextLoss := now.Add(lossEvery)
	for committed < jobs {
		for len(stops) > 0 {
			e := stops[0]
			stops = stops[1:]
			step(e)
		}
		e, ok := due.top()
		wake := s.NextWake()
		switch {
		case ok && e.at.Before(nextLoss) && (wake.IsZero() || !wake.Before(e.at)):
			due.remove(e)
			now = e.at
			if _, gone := lost[e.start.Worker]; gone {
				continue
			}
			step(endOf(e.start, rng.IntN(100) == 0, func(w WorkerID) bool {
				at, gone := lost[w]
				return gone && at.Before(e.began.Add(fetching))
			}))
		case !wake.IsZero() && wake.Before(nextLoss):
			now = wake
			step(Tick{})
		default:
			now = nextLoss
			nextLoss = now.Add(lossEvery)
			w := name(rng.IntN(workers))
			lost[w] = now
			step(Lose{Worker: w, Reason: "spot instance taken"})
		}
		if now.Sub(zero) > boundOnVirtualTime {
			t.Fatalf("%d of %d jobs are done after %v", committed, jobs, boundOnVirtualTime)
		}
	}
	t.Logf("%d events, %d workers lost, %d reduces started early, %v of virtual time in %v", events, len(lost), early, now.Sub(zero), time.Since(began))
	if err := check(s); err != nil {
		t.Error(err)
	}
}

func missing(src Source) int {
	if src.Worker == "" {
		return 1
	}
	return 0
}

// endOf is the report of an attempt whose time has come.
func endOf(start Start, fails bool, gone func(WorkerID) bool) Event {
	id := start.ID
	if fails {
		return Fail{ID: id, Worker: start.Worker, Kind: errs.UserCode, Error: "unlucky"}
	}
	if id.Phase == Map {
		return Done{ID: id, Worker: start.Worker, Digest: Digest{byte(id.Index)}}
	}
	miss := Fail{ID: id, Worker: start.Worker, Kind: errs.Unavailable, Error: "connection refused"}
	c := &Consumed{Attempts: make([]int32, len(start.Sources)), Digests: make([]Digest, len(start.Sources))}
	for i, src := range start.Sources {
		if gone(src.Worker) {
			miss.Missing = append(miss.Missing, AttemptID{TaskID: TaskID{Job: id.Job, Index: int32(i)}, Attempt: src.Attempt})
		}
		c.Attempts[i], c.Digests[i] = src.Attempt, src.Digest
	}
	if len(miss.Missing) > 0 {
		return miss
	}
	return Done{ID: id, Worker: start.Worker, Consumed: c}
}
