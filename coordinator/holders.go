package coordinator

import (
	"context"
	"slices"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/ledger"
)

// holders are the workers that run or hold something of a job. Its record names them, so that the next leader knows whom to
// wait for; what it does not know of it would have made again. So a worker is given nothing of a job before the record
// names it. All is owned by the loop.
type holders struct {
	all      map[sched.WorkerID]bool
	recorded map[sched.WorkerID]bool // of these, who is named in the record
	waiting  []waiting               // orders for the others, in their order
	writing  bool                    // a write of all, as it was, is on its way
}

type waiting struct {
	to    *session
	order *sessionv1.AttachResponse
}

func newHolders(rec ledger.Job) holders {
	h := holders{all: map[sched.WorkerID]bool{}, recorded: map[sched.WorkerID]bool{}}
	for _, w := range rec.Holders {
		h.all[sched.WorkerID(w)], h.recorded[sched.WorkerID(w)] = true, true
	}
	return h
}

// names are the holders as the record has them.
func (h *holders) names() []string {
	names := make([]string, 0, len(h.all))
	for w := range h.all {
		names = append(names, string(w))
	}
	slices.Sort(names)
	return names
}

// named notes that the record names some workers, and sends what waited for that.
func (h *holders) named(names []string) {
	for _, w := range names {
		if id := sched.WorkerID(w); h.all[id] {
			h.recorded[id] = true
		}
	}
	h.waiting = slices.DeleteFunc(h.waiting, func(w waiting) bool {
		ready := h.recorded[w.to.id]
		if ready && !w.to.over {
			w.to.send(w.order)
		}
		return ready || w.to.over
	})
}

// order sends a worker what concerns an attempt, once the job's record names that worker. Called in the loop only.
func (l *leader) order(s *session, j *job, m *sessionv1.AttachResponse) {
	if j.holders.recorded[s.id] {
		s.send(m)
		return
	}
	j.holders.waiting = append(j.holders.waiting, waiting{s, m})
	l.hold(j, s.id)
}

// hold makes a worker a holder of a job. Called in the loop only.
func (l *leader) hold(j *job, w sched.WorkerID) {
	if !j.holders.all[w] {
		j.holders.all[w] = true
		l.recordHolders(j)
	}
}

// holdAll notes what a worker brought along. Called in the loop only.
func (l *leader) holdAll(s *session) {
	brought := slices.Clone(s.reg.Running)
	for _, h := range s.reg.Held {
		brought = append(brought, h.Id)
	}
	for _, id := range brought {
		if j := l.jobs[sched.JobID(id.GetJob())]; j != nil && !j.over {
			l.hold(j, s.id)
		}
	}
}

// unholdLater forgets a worker that is lost and stays away: the next leader need not wait for it. As long as no other worker is
// here it may be this leader that is lost; then the next one does well to wait. Called in the loop only.
func (l *leader) unholdLater(w sched.WorkerID) {
	l.group.Go(func() error {
		select {
		case <-time.After(silentBeats * l.srv.cfg.Heartbeat):
			l.post(func() {
				switch {
				case l.sessions[w] != nil:
				case len(l.sessions) == 0:
					l.unholdLater(w)
				default:
					l.unhold(w)
				}
			})
		case <-l.ended.Done():
		}
		return nil
	})
}

// unhold takes a worker out of all records. Called in the loop only.
func (l *leader) unhold(w sched.WorkerID) {
	for _, j := range l.jobs {
		if !j.over && j.holders.all[w] {
			delete(j.holders.all, w)
			delete(j.holders.recorded, w)
			l.recordHolders(j)
		}
	}
}

// recordHolders writes down who the holders are, one write at a time. Called in the loop only.
func (l *leader) recordHolders(j *job) {
	if j.holders.writing {
		return
	}
	j.holders.writing = true
	l.spawn(j, "record who holds its runs", func(ctx context.Context) error {
		var names []string
		if err := l.ask(ctx, func() { names = j.holders.names() }); err != nil {
			return err
		}
		err := j.update(ctx, func(r *ledger.Job) {
			if !r.Phase.Ended() {
				r.Holders = names
			}
		})
		if err != nil {
			return err
		}
		l.post(func() {
			j.holders.writing = false
			j.holders.named(names)
			if !j.over && !slices.Equal(names, j.holders.names()) {
				l.recordHolders(j)
			}
		})
		return nil
	})
}
