package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mrctl/mrctl/coordinator/plan"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/storage/prefix"
)

// outputStore is where a job's parts go: the folder the user named, or one beside the job's records.
func (l *leader) outputStore(j spec.Job, id string) (storage.Store, error) {
	if j.Output == "" {
		return prefix.New(l.srv.cfg.Store, ledger.OutputFolder(id)), nil
	}
	return l.srv.cfg.Resolver.Output(j.Output)
}

// partStore is where the parts of a job's stage go.
func (l *leader) partStore(rec ledger.Job) (storage.Store, error) {
	return stages.Output(l.srv.cfg.Store, rec.Spec, rec.ID, rec.Stage, func() (storage.Store, error) { return l.outputStore(rec.Spec, rec.ID) })
}

// plan checks a job, claims its output, fixes its splits, and admits it. What is wrong with the job ends it here,
// before any work starts.
func (l *leader) plan(ctx context.Context, j *job) error {
	if done, err := l.cancelled(ctx, j); done || err != nil {
		return err
	}
	head, err := l.planned(ctx, j)
	switch kind := errs.KindOf(err); {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case kind == errs.Unavailable || kind == errs.Fenced || errors.Is(err, storage.ErrUnknown):
		return err
	default:
		return l.conclude(ctx, j, sched.End{Job: j.id, Kind: kind, Reason: err.Error()})
	}
	// Whoever is here may be given work the moment the job runs. The next leader must know of it, even if this one dies
	// before it can write anything more.
	var names []string
	if err := l.ask(ctx, func() {
		for w := range l.sessions {
			j.holders.all[w] = true
		}
		names = j.holders.names()
	}); err != nil {
		return err
	}
	err = j.update(ctx, func(r *ledger.Job) {
		if r.Phase == ledger.Planning { // else this is said again
			r.Warnings = append(slices.Clone(r.Warnings), head.Warnings...)
		}
		r.Phase, r.Maps, r.Reduces = ledger.Running, head.Maps, head.Partitions
		if r.Started.IsZero() {
			r.Started = time.Now().UTC()
		}
		r.Holders = names
		handled(r)
	})
	if err != nil {
		return err
	}
	l.post(func() {
		j.holders.named(names)
		l.admit(j, head, map[int32]ledger.TaskRecord{})
	})
	return nil
}

// cancelled ends a job that was cancelled before it was admitted, and says whether it was.
func (l *leader) cancelled(ctx context.Context, j *job) (bool, error) {
	var reason string
	if err := l.ask(ctx, func() { reason = j.cancelled }); err != nil || reason == "" {
		return false, err
	}
	return true, l.conclude(ctx, j, sched.End{Job: j.id, Canceled: true, Reason: reason})
}

func (l *leader) planned(ctx context.Context, j *job) (head plan.Head, err error) {
	rec := j.chain.Job()
	sp := rec.Spec.WithDefaults()
	if err := sp.Check(); err != nil {
		return head, err
	}
	stage, err := stages.Describe(sp, rec.Stage)
	if err != nil {
		return head, err
	}
	own, err := stages.Of(sp, rec.ID, rec.Stage)
	if err != nil {
		return head, err
	}
	out, err := l.outputStore(sp, rec.ID)
	if err != nil {
		return head, err
	}
	if err := output.Claim(ctx, out, rec.ID, l.isOver); err != nil {
		return head, err
	}
	if rec.Stage == 0 {
		if err := output.Empty(ctx, out, sp.Output); err != nil {
			return head, errors.Join(err, output.Release(ctx, out, rec.ID))
		}
	}
	var h plan.Hints
	if err := l.ask(ctx, func() { h = l.capacity() }); err != nil {
		return head, err
	}
	h.Stage = stage
	return plan.Build(ctx, l.srv.cfg.Store, stages.Sources(l.srv.cfg.Store, l.srv.cfg.Resolver), ledger.StageID(rec.ID, rec.Stage), own, h)
}

// isOver tells whether another job's claim on an output may be replaced.
func (l *leader) isOver(ctx context.Context, id string) (bool, error) {
	rec, err := ledger.ReadJob(ctx, l.srv.cfg.Store, id)
	if errs.Is(err, errs.NotFound) {
		return false, fmt.Errorf("job %s, which claimed this output, is not of this cluster", id)
	}
	return err == nil && rec.Phase.Ended(), err
}

// capacity is what the registered workers offer; a guess where there are none yet. Called in the loop only.
func (l *leader) capacity() (h plan.Hints) {
	for _, s := range l.sessions {
		h.Slots += int(s.reg.Slots)
		memory := int64(s.reg.Memory)
		share := memory / max(1, int64(s.reg.Slots))
		if h.Memory == 0 || memory < h.Memory {
			h.Memory = memory
		}
		if h.Share == 0 || share < h.Share {
			h.Share = share
		}
	}
	if h.Slots == 0 {
		return plan.Hints{Slots: 2, Memory: 1 << 30, Share: 512 << 20}
	}
	return h
}

// update changes a job's record and tells whoever watches.
func (j *job) update(ctx context.Context, change func(*ledger.Job)) error {
	err := j.chain.Update(ctx, change)
	j.log.Touch()
	return err
}
