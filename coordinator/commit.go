package coordinator

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/coordinator/events"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/storage/output"
)

// commit publishes a job's output, or fails the job where something else lies in the output's place: trying again would
// not mend that.
func (l *leader) commit(ctx context.Context, j *job) error {
	err := l.publish(ctx, j)
	if kind := errs.KindOf(err); kind == errs.Conflict || kind == errs.Invalid {
		return l.conclude(ctx, j, sched.End{Job: j.id, Kind: kind, Reason: err.Error()})
	}
	return err
}

// publish makes the winners' parts the result. Every step may be repeated, by this leader or a later one: the phase
// moves forward only, Publish and Succeed are idempotent, and the same winners are read from the same records.
func (l *leader) publish(ctx context.Context, j *job) error {
	rec := j.chain.Job()
	if rec.Phase.Ended() {
		l.post(func() { l.finish(j, sched.Committed{Job: j.id}) })
		return nil
	}
	if err := l.awaitCounters(ctx, j); err != nil {
		return err
	}
	var winners []ledger.TaskRecord
	var counters, maps map[string]int64
	var whole bool
	var view sched.JobView
	if err := l.ask(ctx, func() {
		winners, counters = j.result()
		maps, whole = j.mapCounters()
		view, _ = l.sched.View(j.id)
	}); err != nil {
		return err
	}
	if err := complete(winners, rec.Results()); err != nil {
		return err
	}
	err := j.update(ctx, func(r *ledger.Job) {
		if r.Stage != rec.Stage { // the stage has ended, by an update of ours that nobody heard of
			return
		}
		r.Phase = ledger.Committing
		recordCounters(r, maps, whole)
	})
	if err != nil {
		return err
	}
	if now := j.chain.Job(); now.Stage != rec.Stage {
		l.post(func() { l.beginStage(j, now.Before[rec.Stage]) })
		return nil
	}
	out, err := l.partStore(rec)
	if err != nil {
		return err
	}
	staged, manifest, parts := putOut(rec, winners)
	// How long they have been staged is not asked: to publish them tells whether they are there still, or visible already.
	if err := output.Publish(ctx, out, staged); err != nil {
		var lost *output.LostError
		if errors.As(err, &lost) {
			return l.recommit(ctx, j, winners, lost)
		}
		return refused(err)
	}
	if err := l.publishBad(ctx, rec, winners, out); err != nil {
		return err
	}
	last := rec.Stage+1 == stages.Count(rec.Spec)
	if last {
		if err := l.publishBadBefore(ctx, rec, out); err != nil {
			return err
		}
	}
	if err := output.Succeed(ctx, out, manifest); err != nil {
		return refused(err)
	}
	if !last {
		return l.nextStage(ctx, j, rec.Stage, counters, parts, view)
	}
	l.saveHistory(ctx, j)
	err = j.update(ctx, func(r *ledger.Job) {
		r.Phase, r.Ended, r.Counters, r.Parts = ledger.Done, time.Now().UTC(), allCounters(r.Before, counters), parts
		keepView(r, view)
	})
	if err != nil {
		return err
	}
	l.post(func() { l.finish(j, sched.Committed{Job: j.id}) })
	return nil
}

// refused is an error of the output's store once the job is committing. What the store does not allow now (errs.Invalid)
// it did allow when the parts were staged, and may again: that is no reason to lose the work.
func refused(err error) error {
	if errs.Is(err, errs.Invalid) {
		return errs.E(errs.Unavailable, "", "", err)
	}
	return err
}

// keepView adds to a job's record, at the end of a stage, what the scheduler will have forgotten of it.
func keepView(r *ledger.Job, v sched.JobView) {
	r.AttemptsFailed, r.AttemptsLost, r.TasksKept = r.AttemptsFailed+v.AttemptsFailed, r.AttemptsLost+v.AttemptsLost, r.TasksKept+v.Kept
}

// conclude makes a failure or a cancellation durable, then gives up what was staged.
func (l *leader) conclude(ctx context.Context, j *job, e sched.End) error {
	phase, kind := ledger.Failed, e.Kind
	if e.Canceled {
		phase, kind = ledger.Cancelled, errs.Canceled
	}
	j.log.Add(events.Event{Time: time.Now(), Kind: string(phase), Text: e.Reason})
	var view sched.JobView
	if err := l.ask(ctx, func() { view, _ = l.sched.View(j.id) }); err != nil {
		return err
	}
	l.saveHistory(ctx, j)
	err := j.update(ctx, func(r *ledger.Job) {
		if !r.Phase.Ended() {
			keepView(r, view)
			r.Phase, r.Error, r.ErrorKind, r.Ended = phase, e.Reason, kind, time.Now().UTC()
			if e.Cause != nil {
				r.Cause = fmt.Sprintf("%s.%d", taskName(e.Cause.TaskID), e.Cause.Attempt)
			}
		}
	})
	if err != nil {
		return err
	}
	if err := l.tidy(ctx, j); err != nil {
		l.log.Warn("staged parts left to gc", zap.String("job", string(j.id)), zap.Error(err))
	}
	l.post(func() { l.finish(j, sched.Ended{Job: j.id}) })
	return nil
}

// finish tells the scheduler that the end of a job is durable. Called in the loop only.
func (l *leader) finish(j *job, e sched.Event) {
	j.over = true
	l.settle(j)
	l.step(e)
	if !j.admitted {
		l.release(j.id)
	}
	j.log.Touch()
	// Runs and rows between stages that nobody wants any more. If this leader ends before that is done, they are gc's.
	l.spawn(j, "remove its runs and rows between stages from the store", func(ctx context.Context) error {
		return l.dropBetween(ctx, j.chain.Job())
	})
}

func digestOf(s string) (d sched.Digest) {
	b, err := hex.DecodeString(s)
	if err == nil {
		copy(d[:], b)
	}
	return d
}
