package coordinator

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
)

// A winning record is never changed. Winners that prove unusable are therefore left behind with their whole generation:
// the others are carried over into a new one by new records, and once the job's chain names that one, the tasks of the
// unusable winners have none.
//
// A leader that dies half way leaves records of a generation that never began. The next may carry over others, and find a
// record where it wants none: it learns so when it holds the winners against each other again, or publishes them.

// recommit answers staged parts that are gone: their tasks are run again. What was published stays.
func (l *leader) recommit(ctx context.Context, j *job, winners []ledger.TaskRecord, lost *output.LostError) error {
	gone := func(w ledger.TaskRecord) bool {
		return slices.ContainsFunc(w.Parts(), func(p ledger.Part) bool { return slices.Contains(lost.Keys, p.Key) })
	}
	published := slices.ContainsFunc(winners, func(w ledger.TaskRecord) bool {
		return slices.ContainsFunc(w.Parts(), func(p ledger.Part) bool { return !slices.Contains(lost.Keys, p.Key) })
	})
	return l.regenerate(ctx, j, winners, gone, func(r *ledger.Job) {
		r.Phase, r.Published = ledger.Running, r.Published || published
	})
}

// redo gives up winners that rest on other outputs of the maps than those that can be had, and what they staged.
func (l *leader) redo(ctx context.Context, j *job, e sched.Redo) error {
	var winners []ledger.TaskRecord
	var stale map[int]bool
	if err := l.ask(ctx, func() {
		winners, stale = nil, map[int]bool{}
		for _, w := range j.winners {
			winners = append(winners, w)
		}
		for _, t := range e.Tasks {
			stale[int(t.Index)] = true
		}
	}); err != nil {
		return err
	}
	old := func(w ledger.TaskRecord) bool { return stale[w.Task] }
	err := l.regenerate(ctx, j, winners, old, func(r *ledger.Job) {
		r.Redone++
		r.Counters = nil // of maps that no winner may rest on; they are added up anew
		if !slices.Contains(r.Warnings, notDeterministic) {
			r.Warnings = append(slices.Clone(r.Warnings), notDeterministic)
		}
	})
	if err != nil {
		return err
	}
	if err := l.discard(ctx, j, slices.DeleteFunc(winners, func(w ledger.TaskRecord) bool { return !old(w) })); err != nil {
		l.log.Warn("staged parts left to gc", zap.String("job", string(j.id)), zap.Error(err))
	}
	return nil
}

// notDeterministic is the warning of a job some of whose reduces were run again for the sake of one answer.
const notDeterministic = "the map function is not deterministic: run again after runs were lost, it gave something else; " +
	"reduces were run again so that all parts rest on one output of each map"

// regenerate begins a generation without the winners that are unusable. change is what else the job's record is to say.
func (l *leader) regenerate(ctx context.Context, j *job, winners []ledger.TaskRecord, unusable func(ledger.TaskRecord) bool, change func(*ledger.Job)) error {
	rec := j.chain.Job()
	gen := rec.Gen + 1
	event := sched.CommitFailed{Job: j.id, Gen: gen}
	for _, w := range winners {
		if unusable(w) {
			event.Lost = append(event.Lost, sched.TaskID{Job: j.id, Stage: int32(w.Stage), Phase: lastPhase(rec), Index: int32(w.Task)})
			continue
		}
		w.Gen = gen
		if _, _, err := ledger.CreateTask(ctx, l.srv.cfg.Store, w); err != nil {
			return err
		}
	}
	if err := j.update(ctx, func(r *ledger.Job) {
		r.Gen = gen
		change(r)
	}); err != nil {
		return err
	}
	event.Published = j.chain.Job().Published
	l.post(func() {
		for _, t := range event.Lost {
			delete(j.winners, t.Index)
		}
		j.counted = j.counted && j.chain.Job().Counters != nil
		l.step(event)
	})
	return nil
}

// discard gives up what some winners staged.
func (l *leader) discard(ctx context.Context, j *job, winners []ledger.TaskRecord) error {
	rec := j.chain.Job()
	out, err := l.partStore(rec)
	if err != nil {
		return err
	}
	var all []error
	for _, w := range winners {
		for _, p := range w.Parts() {
			all = append(all, out.Discard(ctx, p.Token))
		}
	}
	return errors.Join(all...)
}
