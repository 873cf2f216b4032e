package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/mrctl/mrctl/coordinator/events"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// No control process dies of a job's data. What panics beside the loop fails its job and nothing else. What panics in the
// loop may have left the scheduler half changed: that ends the leadership, in order, and the job is remembered for it.

// commitTries is how often a commit that panics is made. Each of its steps may be repeated, and a job whose output stands must
// not be called failed.
const commitTries = 3

// publishing is the step that is a job's commit.
const publishing = "publish its output"

// brokeDown fails a job whose handling panicked, with the stack in its events. Nothing of the job is looked at that need not
// be: parts it has staged are left to gc. One whose output has been declared whole is done, and one whose commit is under way
// beside the step that panicked is left to that: it may have declared the output by the time that this is read.
func (l *leader) brokeDown(ctx context.Context, j *job, what string, p *errs.Panic) error {
	l.log.Error("a job's handling broke down", zap.String("job", string(j.id)), zap.String("at", what), zap.Any("panic", p.Value), zap.ByteString("stack", p.Stack))
	j.log.Add(events.Event{Time: time.Now(), Kind: "broke-down", Text: fmt.Sprintf("%s: %v\n%s", what, p, p.Stack)})
	l.saveHistory(ctx, j)
	declared, err := l.declared(ctx, j)
	if err != nil {
		return err
	}
	left := false
	if err := j.update(ctx, func(r *ledger.Job) {
		left = r.Phase == ledger.Committing && what != publishing
		switch {
		case r.Phase.Ended(), left:
		case declared:
			r.Phase, r.Ended = ledger.Done, time.Now().UTC()
			r.Warnings = append(slices.Clone(r.Warnings), fmt.Sprintf("the coordinator broke down when all was done but its record: %v", p))
		default:
			r.Phase, r.Error, r.ErrorKind, r.Ended = ledger.Failed, fmt.Sprintf("the coordinator broke down over this job, at: %s: %v", what, p), errs.Corrupt, time.Now().UTC()
		}
	}); err != nil {
		return err
	}
	if left {
		return nil
	}
	l.post(func() {
		l.step(sched.Cancel{Job: j.id, Reason: p.Error()}) // none of its attempts shall go on; its end follows theirs
		l.step(sched.Ended{Job: j.id})                     // one that could not be cancelled is over here
		if _, known := l.sched.View(j.id); !known {
			l.finish(j, sched.Ended{Job: j.id})
		}
	})
	return nil
}

// declared says whether the output of a job has been declared whole.
func (l *leader) declared(ctx context.Context, j *job) (bool, error) {
	rec := j.chain.Job()
	if rec.Phase != ledger.Committing {
		return false, nil
	}
	out, err := l.outputStore(rec.Spec, rec.ID)
	if err != nil {
		return false, err
	}
	_, err = out.Stat(ctx, output.SuccessKey)
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// turn runs one turn of the loop. A panic in it ends the leadership; the job that was handled is blamed.
func (l *leader) turn(f func()) {
	l.handling = ""
	p, broke := errs.Panicked(errs.Contain(func() error { f(); return nil }))
	if !broke {
		return
	}
	l.log.Error("the leader broke down", zap.String("job", string(l.handling)), zap.Any("panic", p.Value), zap.ByteString("stack", p.Stack))
	if j := l.jobs[l.handling]; j != nil {
		ctx, cancel := context.WithTimeout(l.ended, l.srv.cfg.Heartbeat)
		defer cancel()
		_ = j.update(ctx, func(r *ledger.Job) { // else it counts as a leader that ended
			r.Crashes++
			if r.Crash == "" {
				r.Crash = fmt.Sprint(p.Value)
			}
		})
	}
	l.end(errs.New(errs.Other, "broke down over job %s: %v", l.handling, p.Value))
}

// containUnary and containStream keep a panic over one call from ending the process.
func containUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	err = errs.Contain(func() (err error) { resp, err = handle(ctx, req); return err })
	return resp, answer(err)
}

func containStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	return answer(errs.Contain(func() error { return handle(srv, stream) }))
}

func answer(err error) error {
	if p, ok := errs.Panicked(err); ok {
		return errs.ToStatus(errs.New(errs.Other, "the coordinator broke down over this call: %v", p.Value))
	}
	return err
}
