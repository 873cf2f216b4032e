package coordinator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/events"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/storage/prefix"
)

// A job of several stages goes through planning, running and committing once for each. What says so is its record alone:
// the step from committing to planning is one write, which also names the next stage. Before it a leader commits the stage
// (again, if the one before died amid that), after it the rows of the stage are there, whole, and it never runs again.
//
// Everything that has a stage's number (plans, records of tasks, runs, attempts) is looked up under the one in the record,
// and what workers report or bring along of another is dropped: they forget the job at the end of each stage.

// nextStage ends a stage whose parts are visible and begins the next one. Any leader may repeat it.
func (l *leader) nextStage(ctx context.Context, j *job, from int, counters map[string]int64, parts []ledger.Part, view sched.JobView) error {
	end := ledger.StageEnd{Counters: counters, Ended: time.Now().UTC()}
	for _, p := range parts {
		end.Rows, end.Bytes = end.Rows+p.Rows, end.Bytes+p.Bytes
	}
	err := j.update(ctx, func(r *ledger.Job) {
		if r.Stage != from { // an update in doubt took effect
			return
		}
		end.Maps, end.Tails, end.Reduces, end.Gen = r.Maps, len(r.Tails), r.Reduces, r.Gen
		r.Before = append(r.Before[:len(r.Before):len(r.Before)], end)
		r.Stage, r.Phase = from+1, ledger.Planning
		keepView(r, view)
		r.Maps, r.Tails, r.Reduces, r.Counters, r.Redone, r.Published = 0, nil, 0, nil, 0, false
	})
	if err != nil {
		return err
	}
	l.post(func() { l.beginStage(j, end) })
	return nil
}

// beginStage has workers and scheduler forget the stage that has ended, and plans the next. Called in the loop only.
func (l *leader) beginStage(j *job, end ledger.StageEnd) {
	if j.over {
		return
	}
	rec := j.chain.Job()
	j.log.Add(events.Event{Time: time.Now(), Kind: "stage-committed", Text: fmt.Sprintf("stage %d of %d: %d rows, %d bytes",
		rec.Stage, 1+len(rec.Spec.Then), end.Rows, end.Bytes)})
	j.admitted, j.counted, j.cutting, j.extents = false, false, nil, nil
	j.tallies, j.winners = map[sched.AttemptID]*sessionv1.Tally{}, map[int32]ledger.TaskRecord{}
	j.cut, j.samples = false, map[int32][]byte{}
	j.done, j.running = map[sched.TaskID]uint64{}, map[sched.AttemptID]progress{}
	l.step(sched.Committed{Job: j.id})
	l.spawn(j, "remove runs of the last stage from the store", func(ctx context.Context) error {
		return ledger.DropStored(ctx, l.srv.cfg.Store, string(j.id), rec.Stage-1)
	})
	l.spawn(j, "plan it", func(ctx context.Context) error { return l.plan(ctx, j) })
	j.log.Touch()
}

// dropBetween removes what only the stages of a job needed.
func (l *leader) dropBetween(ctx context.Context, rec ledger.Job) error {
	var err error
	for stage := range rec.Stage + 1 { // of those before too, where a leader died before it had removed them
		err = errors.Join(err, ledger.DropStored(ctx, l.srv.cfg.Store, rec.ID, stage))
	}
	for stage := range rec.Spec.Then {
		out := prefix.New(l.srv.cfg.Store, ledger.StageFolder(rec.ID, stage))
		for info, listErr := range out.List(ctx, "", "") {
			if listErr != nil {
				return errors.Join(err, listErr)
			}
			err = errors.Join(err, out.Delete(ctx, info.Key))
		}
	}
	return err
}

// allCounters adds up the counters of all stages: those of users over all, those of the engine, which are of one stage
// each, as they are for the last and under the stage's number for the others.
func allCounters(before []ledger.StageEnd, last map[string]int64) map[string]int64 {
	if len(before) == 0 {
		return last
	}
	all := maps.Clone(last)
	if all == nil {
		all = map[string]int64{}
	}
	for i, end := range before {
		for name, n := range end.Counters {
			if strings.HasPrefix(name, "user.") {
				all[name] += n
			} else {
				all[fmt.Sprintf("stage%d.%s", i+1, name)] = n
			}
		}
	}
	return all
}

// publishBadBefore puts what earlier stages set aside beside the bad records of the last.
func (l *leader) publishBadBefore(ctx context.Context, rec ledger.Job, to storage.Store) error {
	if rec.Spec.MaxBadRecords <= 0 {
		return nil
	}
	for stage := range rec.Stage {
		from := prefix.New(l.srv.cfg.Store, ledger.StageFolder(rec.ID, stage))
		for info, err := range from.List(ctx, output.BadFolder, "") {
			if err != nil {
				return err
			}
			as := fmt.Sprintf("%sstage%d-%s", output.BadFolder, stage+1, strings.TrimPrefix(info.Key, output.BadFolder))
			if err := copyOnce(ctx, from, info.Key, to, as); err != nil {
				return err
			}
		}
	}
	return nil
}
