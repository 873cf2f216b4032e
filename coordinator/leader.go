package coordinator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/coordinator/events"
	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/coordinator/records"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/retry"
)

// leader is one leadership. Everything below posts is owned by the goroutine of loop; other goroutines reach it only by
// post. Work that waits for the store runs in tasks of group and posts its result.
type leader struct {
	srv   *Server
	log   *zap.Logger
	term  lease.Term
	book  *records.Book
	since time.Time
	posts chan func()
	nudge chan struct{} // capacity 1: look at the inbox
	ended context.Context
	end   context.CancelCauseFunc
	group *errgroup.Group

	sched    *sched.Scheduler
	jobs     map[sched.JobID]*job
	handling sched.JobID   // that the loop is at; "" if it is at none
	over     []sched.JobID // ended jobs still in jobs, the oldest first
	sessions map[sched.WorkerID]*session
	solitude solitude
	arrivals events.Log // touched when a job has come out of the inbox; has a lock of its own
}

// keptJobs is how many ended jobs a leader remembers, for whoever watches them to the end. The rest is in the store.
const keptJobs = 64

func newLeader(s *Server, term lease.Term) *leader {
	return &leader{
		srv: s, term: term, log: s.log.With(zap.Uint64("epoch", term.Epoch)), since: time.Now(),
		book:  records.Open(s.cfg.Store, term.Epoch, s.cfg.Lease.Holder, term.Valid, s.log),
		posts: make(chan func(), 256), nudge: make(chan struct{}, 1),
		sched:    sched.New(s.cfg.Sched),
		solitude: solitude{since: time.Now()},
		jobs:     map[sched.JobID]*job{}, sessions: map[sched.WorkerID]*session{},
	}
}

// run leads until ctx ends or a write is fenced. ready is called when every live job has been claimed.
func (l *leader) run(ctx context.Context, ready func()) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	l.ended, l.end = ctx, end
	l.group, _ = errgroup.WithContext(ctx)
	l.log.Info("leading")
	defer l.log.Info("no longer leading")

	claimed, err := l.takeOver(ctx)
	if err != nil {
		return fmt.Errorf("take over live jobs: %w", err)
	}
	loop := make(chan struct{})
	go func() { defer close(loop); l.loop(ctx) }()
	l.resumeAll(claimed)
	ready()
	// Not before ready: whoever submitted and found nobody to nudge must be seen by the look that follows.
	l.group.Go(func() error { return l.watchInbox(ctx) })
	l.group.Go(func() error { l.collect(ctx); return nil })
	<-loop
	for _, s := range l.sessions {
		s.close(errs.New(errs.Unavailable, "this coordinator no longer leads"))
	}
	_ = l.group.Wait() // each task has reported through post or fail
	l.disown()
	if cause := context.Cause(ctx); cause != nil && cause != ctx.Err() {
		return cause
	}
	return ctx.Err()
}

// post hands f to the loop. It gives up when the leadership ends.
func (l *leader) post(f func()) { l.posting(l.ended, f) }

func (l *leader) posting(ctx context.Context, f func()) {
	select {
	case l.posts <- f:
	case <-l.ended.Done():
	case <-ctx.Done():
	}
}

// ask runs f in the loop and waits for it. After an error f does not run, or has run to its end: what it writes to is the
// caller's again.
func (l *leader) ask(ctx context.Context, f func()) error {
	var once sync.Once
	done := make(chan struct{})
	l.posting(ctx, func() { once.Do(f); close(done) })
	select {
	case <-done:
		return nil
	case <-l.ended.Done():
		once.Do(func() {})
		return errs.New(errs.Unavailable, "this coordinator no longer leads")
	case <-ctx.Done():
		once.Do(func() {})
		return ctx.Err()
	}
}

// loop is the goroutine that owns the scheduler.
func (l *leader) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	silence := time.NewTicker(l.srv.cfg.Heartbeat)
	defer silence.Stop()
	for {
		wait := time.Hour
		if at := l.sched.NextWake(); !at.IsZero() {
			wait = max(time.Until(at), 0)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case f := <-l.posts:
			l.turn(f)
		case <-timer.C:
			l.turn(func() { l.step(sched.Tick{}) })
		case <-silence.C:
			l.turn(l.checkSilence)
			l.turn(l.checkSolitude)
			l.turn(l.keepEvents)
		}
	}
}

// step tells the scheduler what happened and carries out what it decides. Called in the loop only.
func (l *leader) step(e sched.Event) {
	if !l.term.Valid() {
		// I7: a leader whose time is up assigns nothing more. The elector ends ctx next.
		l.end(errs.New(errs.Fenced, "the lease ran out"))
		return
	}
	for _, effect := range l.sched.Step(time.Now(), e) {
		l.carryOut(effect)
	}
}

func (l *leader) carryOut(effect sched.Effect) {
	switch e := effect.(type) {
	case sched.Start:
		l.start(e)
	case sched.Feed:
		l.feed(e)
	case sched.Yield:
		l.yield(e)
	case sched.Stop:
		if s := l.sessions[e.Worker]; s != nil {
			if j := l.jobs[e.ID.Job]; j != nil && !j.over {
				l.order(s, j, stopOrder(e))
			} else {
				s.send(stopOrder(e))
			}
		}
	case sched.Commit:
		if j := l.jobs[e.Job]; j != nil {
			l.spawn(j, publishing, func(ctx context.Context) error { return l.commit(ctx, j) })
		}
	case sched.Cut:
		if j := l.jobs[e.Job]; j != nil {
			l.cut(j)
		}
	case sched.Redo:
		if j := l.jobs[e.Job]; j != nil {
			l.spawn(j, "begin a generation", func(ctx context.Context) error { return l.redo(ctx, j, e) })
		}
	case sched.End:
		if j := l.jobs[e.Job]; j != nil {
			l.spawn(j, "record its end", func(ctx context.Context) error { return l.conclude(ctx, j, e) })
		}
	case sched.Release:
		l.release(e.Job)
	case sched.Note:
		l.note(e)
	}
}

// spawn runs slow work for a job beside the loop. Being fenced ends the leadership. Any other failure of the store is
// tried again with growing pauses for as long as the leadership lasts: the steps are made to be repeated. The job says
// meanwhile what holds it up. A panic fails the job.
func (l *leader) spawn(j *job, what string, work func(context.Context) error) {
	l.group.Go(func() error {
		ctx := retry.ForJob(l.ended, string(j.id))
		crashes, blamed := 0, false
		for series := steps.Begin(); ; {
			err := errs.Contain(func() error { return work(ctx) })
			p, broke := errs.Panicked(err)
			if broke {
				crashes++
			}
			if broke && !blamed && (j.chain.Job().Phase != ledger.Committing || crashes == commitTries) {
				blamed = true
				work = func(ctx context.Context) error { return l.brokeDown(ctx, j, what, p) }
				continue
			}
			switch {
			case err == nil || l.ended.Err() != nil:
				l.post(func() { j.unblocked(what) })
				return nil
			case errs.Is(err, errs.Fenced):
				l.end(err)
				return nil
			}
			l.log.Warn("trying again: "+what, zap.String("job", string(j.id)), zap.Error(err))
			l.post(func() { j.blockedBy(what, err) })
			if series.Wait(l.ended, err) != nil {
				return nil
			}
		}
	})
}
