package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/retry"
	"github.com/mrctl/mrctl/worker/reduceside"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// attempt is one try of a task under way on this worker.
type attempt struct {
	id    *sessionv1.AttemptID
	order *sessionv1.Start
	// sources, of a reduce, grows as the leader learns where runs lie.
	sources *reduceside.Sources
	stop    context.CancelCauseFunc
	began   time.Time
	ended   chan struct{} // closed when nothing of it is under way
	// released says that its job has been forgotten: how it ends is of no interest, what it made is in the way. Guarded by
	// Agent.mu.
	released bool

	records, bytes, total, rows atomic.Int64 // progress; total is of bytes, rows of records
	yield                       atomic.Bool  // of a map: the leader wants it to end where it is
	// through, of a map in a plugin, says how many of the records sent to it are done; nil: all are.
	through atomic.Pointer[func() uint64]
}

func (at *attempt) progress(records, bytes int64) {
	at.records.Store(records)
	at.bytes.Store(bytes)
}

// done is the bytes of input that are done. What lies before the plugin, as yet unread, is not: it may be all of a split.
func (at *attempt) done() uint64 {
	records, bytes := uint64(at.records.Load()), uint64(at.bytes.Load())
	through := at.through.Load()
	if through == nil || records == 0 {
		return bytes
	}
	return uint64(float64(bytes) * min(1, float64((*through)())/float64(records)))
}

// errStopped is the cause of an attempt that the leader ended.
var errStopped = errors.New("stopped by the leader")

// start runs an attempt, unless it is known already: a leader may repeat itself.
func (a *Agent) start(order *sessionv1.Start) {
	k := keyOf(order.Id)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.attempts[k]; known || a.reports[k] != nil || a.base.Err() != nil {
		return
	}
	if a.draining { // the order crossed the news
		a.reports[k] = &sessionv1.Report{Id: order.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED, Error: errHandedBack.Error()}
		a.wake()
		return
	}
	ctx, stop := context.WithCancelCause(retry.ForJob(a.base, order.Id.GetJob()))
	at := &attempt{id: order.Id, order: order, stop: stop, began: time.Now(), ended: make(chan struct{}),
		sources: reduceside.NewSources(int(order.Maps))}
	_ = at.sources.Add(order.Sources, nil) // the attempt ends with what is wrong with them
	a.attempts[k] = at
	a.work.Go(func() {
		defer close(at.ended)
		defer stop(nil)
		report, run := a.execute(ctx, at)
		a.ended(at, report, run)
	})
}

// addSources tells an attempt where more of its runs lie. One that has ended does not need to know.
func (a *Agent) addSources(order *sessionv1.AddSources) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := a.attempts[keyOf(order.Id)]; at != nil {
		err := at.sources.Grow(int(order.Maps))
		if err == nil {
			err = at.sources.Add(order.Sources, order.Gone)
		}
		if err != nil {
			at.stop(err)
		}
	}
}

// stop ends an attempt; its report says so. One that is not here is reported as stopped, so that the leader can go on.
func (a *Agent) stop(order *sessionv1.Stop) {
	k := keyOf(order.Id)
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := a.attempts[k]; at != nil {
		at.stop(errStopped)
		return
	}
	if a.reports[k] == nil {
		a.reports[k] = &sessionv1.Report{Id: order.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED, Error: "not running here"}
		a.wake()
	}
}

// ended queues the report of an attempt and, for a map that is done, keeps its run.
func (a *Agent) ended(at *attempt, r *sessionv1.Report, run string) {
	k := keyOf(at.id)
	a.mu.Lock()
	if a.attempts[k] == at {
		delete(a.attempts, k)
	}
	if !at.released {
		a.reports[k] = r
	}
	if run != "" && !at.released {
		a.held[k] = &heldRun{path: run, wire: &sessionv1.Held{Id: at.id, Digest: r.Digest, Tally: r.Tally, End: r.End, Sample: r.Sample}, stored: r.Stored}
	}
	a.mu.Unlock()
	a.log.Debug("attempt ended", zap.String("attempt", name(at.id)), zap.String("outcome", r.Outcome.String()),
		zap.String("error", r.Error), zap.Duration("took", time.Since(at.began)))
	a.wake()
}

// acknowledged forgets a report that is safe with the leader.
func (a *Agent) acknowledged(id *sessionv1.AttemptID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.reports, keyOf(id))
}

// execute runs an attempt to its end. It returns the path of the run it wrote, if it is a map that is done.
func (a *Agent) execute(ctx context.Context, at *attempt) (*sessionv1.Report, string) {
	var out outcome
	var mark int64
	j, err := a.job(ctx, at.id.Job, int(at.id.Stage))
	if err == nil {
		var end func()
		ctx, end = at.keepTime(ctx, j.spec.AttemptTimeout)
		defer end()
		mark = j.said()
		if at.id.Phase == sessionv1.AttemptID_PHASE_MAP {
			out, err = a.runMap(ctx, at, j)
		} else {
			out, err = a.runReduce(ctx, at, j)
		}
	}
	r := &sessionv1.Report{Id: at.id, Tally: out.tally, Digest: out.digest, LostRace: out.lostRace, Stored: out.stored, End: out.end, Sample: out.sample}
	if r.Tally != nil {
		r.Tally.Nanos = int64(time.Since(at.began))
	}
	if err == nil {
		r.Outcome = sessionv1.Report_OUTCOME_DONE
		a.keepLog(at, j, mark, "")
		return r, out.run
	}
	classify(ctx, r, err)
	if r.Outcome == sessionv1.Report_OUTCOME_FAILED || r.Outcome == sessionv1.Report_OUTCOME_LOST {
		a.keepLog(at, j, mark, r.Error)
	}
	return r, ""
}

// outcome is what an attempt leaves behind.
type outcome struct {
	tally    *sessionv1.Tally
	digest   []byte
	run      string
	lostRace bool
	stored   bool             // the run lies in the store
	sample   []byte           // of a map whose keys are to be cut into ranges
	end      *sessionv1.Place // of a map: where its extent ends; nil: where the split does
}

// finalError is one that every attempt of the task would meet.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// classify says how an attempt ended: whose fault it was decides whether it is counted.
func classify(ctx context.Context, r *sessionv1.Report, err error) {
	kind := errs.KindOf(err)
	r.ErrorKind, r.Error, r.Final = uint32(kind), err.Error(), errors.As(err, new(*finalError))
	var gone *shuffle.MissingError
	switch {
	case errors.Is(context.Cause(ctx), errStopped), errors.Is(context.Cause(ctx), errHandedBack):
		r.Outcome = sessionv1.Report_OUTCOME_STOPPED
	case errors.As(err, &gone):
		r.Outcome = sessionv1.Report_OUTCOME_RUNS_GONE
		for _, m := range gone.Runs {
			r.Missing = append(r.Missing, &sessionv1.AttemptID{Job: r.Id.Job, Stage: r.Id.Stage, Gen: r.Id.Gen,
				Phase: sessionv1.AttemptID_PHASE_MAP, Task: m.Task, Attempt: m.Attempt})
			r.MissingAt = append(r.MissingAt, m.Worker)
		}
	case errors.As(context.Cause(ctx), new(*overtimeError)):
		r.ErrorKind, r.Error = uint32(errs.UserCode), context.Cause(ctx).Error()
		r.Outcome = sessionv1.Report_OUTCOME_FAILED
	case errors.Is(err, errDiedInCompany):
		r.Outcome = sessionv1.Report_OUTCOME_LOST
	case ctx.Err() != nil, kind == errs.Unavailable, kind == errs.Canceled:
		r.Outcome = sessionv1.Report_OUTCOME_LOST
	default:
		r.Outcome = sessionv1.Report_OUTCOME_FAILED
	}
}
