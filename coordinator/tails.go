package coordinator

import (
	"context"
	"slices"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/storage/dataset"
)

// A slow map attempt may be asked to yield: it ends where it is, and the rest of its extent, the tail, becomes tasks of
// their own. Every record must be in exactly one output all the same:
//
//   - The tails are in the job's record, which only who has claimed the job can write. A task's extent is what that says.
//   - An output counts only if it is of the extent that its task has there: reports, what workers hold and what lies in the
//     store say where their extent ends (fits). So a tail is recorded before the output that was cut there counts.
//   - Only a task that was never done is cut, and only by the first leader of the job, which knows that of all of them. So
//     nobody has ever been given a longer output of it. Later leaders honour tails and make none.
//   - A reduce that runs learns how many map tasks there are no later than where a cut output lies: every order that names
//     sources says it. Before that it lacks the output of the task that was cut, so it cannot have ended with too few.

// maps is how many map tasks the job has, tails included.
func (j *job) maps() int { return len(j.extents) }

// fits reports whether an output of a map counts that ends at a place. While a tail of it is being recorded none does:
// reports come again. Called in the loop only.
func (j *job) fits(id sched.AttemptID, end dataset.Place) bool {
	if id.Stage != j.stage() || j.cutting != nil && *j.cutting == id.Index {
		return false
	}
	if id.Index < 0 || int(id.Index) >= len(j.extents) {
		return end == dataset.Place{} // the scheduler knows no such task
	}
	return j.extents[id.Index].To == end
}

// extentOf is what an order tells of the extent of a map: nothing where it is a split as planned.
func (j *job) extentOf(id sched.AttemptID) *sessionv1.Extent {
	if id.Phase != sched.Map || int(id.Index) >= len(j.extents) {
		return nil
	}
	e := j.extents[id.Index]
	if e.From == (dataset.Place{}) && e.To == (dataset.Place{}) {
		return nil
	}
	return &sessionv1.Extent{Task: uint32(e.Task), From: wirePlace(e.From), To: wirePlace(e.To)}
}

func placeFrom(p *sessionv1.Place) dataset.Place {
	return dataset.Place{Piece: int(p.GetPiece()), Offset: p.GetOffset()}
}

func wirePlace(p dataset.Place) *sessionv1.Place {
	if p == (dataset.Place{}) {
		return nil
	}
	return &sessionv1.Place{Piece: uint32(p.Piece), Offset: p.Offset}
}

// yield asks a map attempt to leave its tail to others. Called in the loop only.
func (l *leader) yield(e sched.Yield) {
	if s, j := l.sessions[e.Worker], l.jobs[e.ID.Job]; s != nil && j != nil {
		l.order(s, j, &sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Yield{Yield: &sessionv1.Yield{Id: wireID(e.ID)}}})
	}
}

// misfit takes the report of a map attempt whose output does not fit: its tail is cut off if that may be, else it is
// dropped, and is nobody's fault. While a tail of the job is being recorded it is left unanswered, and comes again. Called in
// the loop only.
func (l *leader) misfit(s *session, j *job, r *sessionv1.Report, ack func()) {
	id, end := attemptOf(r.Id), placeFrom(r.End)
	if j.cutting != nil {
		return
	}
	parts := l.sched.Divide(id)
	if parts == 0 || !j.extents[id.Index].Holds(end) {
		ack()
		delete(j.running, id)
		l.step(sched.Fail{ID: id, Worker: s.id, Lost: true, Error: "its output is of another part of the split than the one that is its task's now"})
		return
	}
	j.cutting = &id.Index
	e, rec := j.extents[id.Index], j.chain.Job()
	l.spawn(j, "record a tail of "+taskName(id.TaskID), func(ctx context.Context) error {
		split, err := dataset.ReadSplit(ctx, l.srv.cfg.Store, ledger.StageID(rec.ID, rec.Stage), e.Task)
		if err != nil {
			return err
		}
		own, err := stages.Of(rec.Spec, rec.ID, rec.Stage)
		if err != nil {
			return err
		}
		stage, err := stages.Describe(rec.Spec, rec.Stage)
		if err != nil {
			return err
		}
		_, format := own.InputOf(boundary.InputOf(stage, split.Input).GetName())
		tails, of := slices.Clone(rec.Tails), int(id.Index) // nobody else changes them meanwhile
		for _, at := range append([]dataset.Place{end}, split.Shares(end, e.To, format, parts)...) {
			tails = append(tails, dataset.Tail{Of: of, At: at})
			of = rec.Maps + len(tails) - 1
		}
		err = j.update(ctx, func(r *ledger.Job) {
			if r.Phase == ledger.Running && r.Gen == 0 && r.Stage == rec.Stage {
				r.Tails = slices.Clone(tails)
			}
		})
		if err != nil {
			return err
		}
		l.post(func() { l.tailCut(s, j, r) })
		return nil
	})
}

// tailCut goes on once a tail is recorded: there are more tasks, and the output that was cut counts. Called in the loop only.
func (l *leader) tailCut(s *session, j *job, r *sessionv1.Report) {
	j.cutting = nil
	rec, id := j.chain.Job(), attemptOf(r.Id)
	more := rec.MapTasks() - j.maps()
	if j.over || more == 0 { // it is ending
		return
	}
	j.extents = dataset.Extents(rec.Maps, rec.Tails)
	l.step(sched.Tail{Job: j.id, Of: id.Index, Attempt: id.Attempt, Tasks: more})
	if !s.over {
		l.reported(s, r) // else it comes again
	}
}
