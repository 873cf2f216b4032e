package coordinator

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// How many leaders a job may cost before it is set aside. Where one of them said that it broke down over the job, two; where
// all that is known is that each ended while it took the job up, as a machine that is switched off does too, three.
const (
	provenCrashes  = 2
	assumedCrashes = 3
)

// suspectPatience is how long others under suspicion wait for one to be taken up.
const suspectPatience = 30 * time.Second

// condemned says why a job is set aside; "" if it is not.
func condemned(r ledger.Job) string {
	switch {
	case r.Crash != "" && r.Crashes >= provenCrashes:
		return fmt.Sprintf("quarantined: %d leaders broke down over this job; the first said: %s", r.Crashes, r.Crash)
	case r.Crashes >= assumedCrashes:
		return fmt.Sprintf("quarantined: %d leaders in a row ended while they took this job up, and did nothing else of the kind", r.Crashes)
	}
	return ""
}

// resumeAll goes on with the jobs that were claimed. One over which a leader may have ended comes after all others and alone, so that
// if it ends this one too, it is the only one to be blamed.
func (l *leader) resumeAll(claimed []*job) {
	var suspects []*job
	for _, j := range claimed {
		switch rec := j.chain.Job(); {
		case condemned(rec) != "":
			l.post(func() { l.quarantine(j, condemned(rec)) })
		case rec.Crashes > 0:
			suspects = append(suspects, j)
		default:
			l.post(func() { l.resume(j) })
		}
	}
	if len(suspects) > 0 {
		l.group.Go(func() error { l.resumeSuspects(suspects); return nil })
	}
}

func (l *leader) resumeSuspects(suspects []*job) {
	for _, j := range suspects {
		l.log.Warn("taking up a job over which a leader may have ended", zap.String("job", string(j.id)), zap.Int("crashes", j.chain.Job().Crashes))
		l.spawn(j, "mark that it is taken up", func(ctx context.Context) error {
			if err := j.update(ctx, func(r *ledger.Job) { r.Handling = true }); err != nil {
				return err
			}
			l.post(func() { l.resume(j) })
			return nil
		})
		select {
		case <-j.settled:
		case <-time.After(suspectPatience):
		case <-l.ended.Done():
			return
		}
	}
}

// quarantine fails a job without looking at it. Called in the loop only.
func (l *leader) quarantine(j *job, why string) {
	l.log.Error("job quarantined", zap.String("job", string(j.id)), zap.String("why", why))
	l.spawn(j, "set it aside", func(ctx context.Context) error {
		return l.conclude(ctx, j, sched.End{Job: j.id, Kind: errs.Corrupt, Reason: why})
	})
}

// settle notes that a leader has come through with taking a job up. Called in the loop only.
func (l *leader) settle(j *job) {
	select {
	case <-j.settled:
		return
	default:
		close(j.settled)
	}
	if rec := j.chain.Job(); rec.Handling && !j.over {
		l.spawn(j, "mark that it is under way", func(ctx context.Context) error {
			return j.update(ctx, func(r *ledger.Job) {
				if !r.Phase.Ended() {
					handled(r)
				}
			})
		})
	}
}

// handled clears the marks of a job that has been taken up. What was proven stays.
func handled(r *ledger.Job) {
	r.Handling = false
	if r.Crash == "" {
		r.Crashes = 0
	}
}

// disown takes the marks off jobs that a leader leaves in order before it has come through with them.
func (l *leader) disown() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ended), l.srv.cfg.Heartbeat)
	defer cancel()
	for _, j := range l.jobs {
		if rec := j.chain.Job(); rec.Handling && !rec.Phase.Ended() {
			if err := j.update(ctx, func(r *ledger.Job) { r.Handling = r.Handling && r.Phase.Ended() }); err != nil {
				return // the next leader counts it; that is forgotten when it comes through
			}
		}
	}
}
