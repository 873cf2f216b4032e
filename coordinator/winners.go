package coordinator

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
)

// This file is about winners: the tasks of the last phase of a stage, each with the record of the attempt that won it and
// what that has staged. They are reduces, or maps where no reduce follows.

// onlyMaps reports whether the stage under way has no reduces: its maps write the parts. Called once it is planned.
func (j *job) onlyMaps() bool { return j.chain.Job().LastPhase() == ledger.Map }

// lastPhase is the phase of a stage's winners, to the scheduler.
func lastPhase(rec ledger.Job) sched.Phase {
	if rec.LastPhase() == ledger.Map {
		return sched.Map
	}
	return sched.Reduce
}

// fitting checks that a winner is one of the stage under way, with all that a winner has.
func fitting(rec ledger.Job, tr ledger.TaskRecord) error {
	inputs := rec.MapTasks()
	if rec.LastPhase() == ledger.Map {
		inputs = 0
	}
	if tr.Task >= rec.Results() || len(tr.Inputs) != inputs || tr.Part == nil {
		return errs.New(errs.Corrupt, "%s: %d inputs of %d, for task %d of %d", tr.Key(), len(tr.Inputs), inputs, tr.Task, rec.Results())
	}
	return nil
}

// putOut is what the winners have staged, all of it, what the manifest says of it, and the parts of the result among it.
func putOut(rec ledger.Job, winners []ledger.TaskRecord) (staged []output.Staged, manifest output.Manifest, parts []ledger.Part) {
	manifest = output.Manifest{Job: rec.ID, Name: rec.Spec.Name}
	for _, w := range winners {
		parts = append(parts, *w.Part)
		for _, p := range w.Parts() {
			staged = append(staged, output.Staged{Key: p.Key, Token: p.Token, Rows: p.Rows, Bytes: p.Bytes, CRC: p.CRC})
			manifest.Parts = append(manifest.Parts, output.ManifestPart{
				Key: p.Key, Rows: p.Rows, Bytes: p.Bytes, CRC: p.CRC, Task: w.Task, Attempt: int(w.Attempt)})
		}
	}
	return staged, manifest, parts
}

// complete holds the winners, in order of their tasks, against the tasks of the plan: a part too few would be rows that
// nobody misses.
func complete(winners []ledger.TaskRecord, tasks int) error {
	for i, w := range winners {
		if w.Task != i || w.Part == nil {
			return errs.New(errs.Invalid, "the winner of task %d is that of task %d, or has no part", i, w.Task)
		}
	}
	if len(winners) != tasks {
		return errs.New(errs.Invalid, "%d tasks have winners, of %d", len(winners), tasks)
	}
	return nil
}

// result gathers winners in order and the counters of the attempts that count. Called in the loop only.
func (j *job) result() ([]ledger.TaskRecord, map[string]int64) {
	winners := make([]ledger.TaskRecord, 0, len(j.winners))
	for _, w := range j.winners {
		winners = append(winners, w)
	}
	slices.SortFunc(winners, func(a, b ledger.TaskRecord) int { return a.Task - b.Task })
	counters, _ := j.mapCounters()
	for _, w := range winners {
		addTally(counters, string(w.Phase), tallyOf(w))
		for _, p := range w.Named {
			counters["output."+output.NameOf(p.Key)+".rows"] += p.Rows
		}
	}
	return winners, counters
}

// tidy discards the parts that winners staged and releases the output.
func (l *leader) tidy(ctx context.Context, j *job) error {
	rec := j.chain.Job()
	out, err := l.partStore(rec)
	if err != nil {
		return err
	}
	var all []error
	for gen := int32(0); gen <= rec.Gen; gen++ {
		for tr, err := range ledger.Tasks(ctx, l.srv.cfg.Store, rec.ID, rec.Stage, rec.LastPhase(), gen) {
			if err != nil {
				all = append(all, err)
				break
			}
			for _, p := range tr.Parts() {
				all = append(all, out.Discard(ctx, p.Token))
			}
		}
	}
	if out, err = l.outputStore(rec.Spec, rec.ID); err == nil {
		err = output.Release(ctx, out, rec.ID)
	}
	return errors.Join(append(all, err)...)
}

// tallyOf reads the counts in a record; none where they cannot be read, for they are no part of the result.
func tallyOf(r ledger.TaskRecord) *sessionv1.Tally { return tallyIn(r.Tally) }

func tallyIn(body []byte) *sessionv1.Tally {
	t := &sessionv1.Tally{}
	if err := protojson.Unmarshal(body, t); err != nil {
		return nil
	}
	return t
}
