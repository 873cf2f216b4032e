package coordinator

import (
	"context"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

func attemptOf(id *sessionv1.AttemptID) sched.AttemptID {
	phase := sched.Map
	if id.GetPhase() == sessionv1.AttemptID_PHASE_REDUCE {
		phase = sched.Reduce
	}
	return sched.AttemptID{
		TaskID:  sched.TaskID{Job: sched.JobID(id.GetJob()), Stage: int32(id.GetStage()), Phase: phase, Index: int32(id.GetTask())},
		Attempt: int32(id.GetAttempt()), Gen: int32(id.GetGen()),
	}
}

// phaseOf is a phase as records name it.
func phaseOf(p sched.Phase) ledger.TaskPhase {
	if p == sched.Reduce {
		return ledger.Reduce
	}
	return ledger.Map
}

func wireID(id sched.AttemptID) *sessionv1.AttemptID {
	phase := sessionv1.AttemptID_PHASE_MAP
	if id.Phase == sched.Reduce {
		phase = sessionv1.AttemptID_PHASE_REDUCE
	}
	return &sessionv1.AttemptID{Job: string(id.Job), Stage: uint32(id.Stage), Phase: phase, Task: uint32(id.Index),
		Attempt: uint32(id.Attempt), Gen: uint32(id.Gen)}
}

func digest(b []byte) (d sched.Digest) { copy(d[:], b); return d }

func stopOrder(e sched.Stop) *sessionv1.AttachResponse {
	return &sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Stop{Stop: &sessionv1.Stop{Id: wireID(e.ID), Reason: e.Reason}}}
}

// reported handles the end of an attempt. The worker repeats a report until it is acknowledged; the scheduler takes
// late and repeated ones in its stride. Called in the loop only.
func (l *leader) reported(s *session, r *sessionv1.Report) {
	id := attemptOf(r.Id)
	ack := func() {
		s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Ack{Ack: &sessionv1.Ack{Id: r.Id}}})
	}
	j := l.jobs[id.Job]
	if j == nil || j.over || id.Stage < j.stage() {
		ack()
		return
	}
	if !j.admitted {
		return // not acknowledged: it comes again when the job has been loaded
	}
	l.handling = j.id
	if r.Outcome == sessionv1.Report_OUTCOME_DONE && id.Phase == sched.Map && !j.fits(id, placeFrom(r.End)) {
		l.misfit(s, j, r, ack)
		return
	}
	delete(j.running, id)
	switch r.Outcome {
	case sessionv1.Report_OUTCOME_DONE:
		l.keepTally(id, r.Tally)
		j.keepSample(id, r.Sample)
		if id.Phase == sched.Map && l.tooManyBad(s, j, r) {
			ack()
			return
		}
		if id.Phase == lastPhase(j.chain.Job()) {
			l.taskDone(s, j, id, ack)
			return
		}
		l.step(sched.Done{ID: id, Worker: s.id, Work: int64(r.Tally.GetBytesIn()), Digest: digest(r.Digest), Stored: r.Stored})
		l.recordMapCounters(j)
	case sessionv1.Report_OUTCOME_STOPPED:
		l.step(sched.Stopped{ID: id, Worker: s.id})
	default:
		e := sched.Fail{ID: id, Worker: s.id, Kind: errs.Kind(r.ErrorKind), Error: r.Error, Final: r.Final,
			Lost: r.Outcome == sessionv1.Report_OUTCOME_LOST || r.Outcome == sessionv1.Report_OUTCOME_RUNS_GONE}
		for _, m := range r.Missing {
			e.Missing = append(e.Missing, attemptOf(m))
		}
		for _, holder := range r.MissingAt {
			if holder == ledger.InStore {
				holder = string(sched.InStore)
			}
			e.At = append(e.At, sched.WorkerID(holder))
		}
		l.step(e)
	}
	ack()
	j.log.Touch()
}

// taskDone reads the record that won a task of the last phase, whoever wrote it, and only then counts the task as done.
func (l *leader) taskDone(s *session, j *job, id sched.AttemptID, ack func()) {
	l.spawn(j, "read the record of "+taskName(id.TaskID), func(ctx context.Context) error {
		tr, err := ledger.ReadTask(ctx, l.srv.cfg.Store, string(id.Job), int(id.Stage), phaseOf(id.Phase), id.Gen, int(id.Index))
		if errs.Is(err, errs.NotFound) {
			l.post(func() {
				ack()
				l.step(sched.Fail{ID: id, Worker: s.id, Kind: errs.Corrupt, Error: "the attempt reported success, but there is no record of it"})
			})
			return nil
		}
		if err != nil {
			return err
		}
		l.post(func() {
			ack()
			// A report of an earlier generation, late or repeated: its winner has been found unusable.
			if rec := j.chain.Job(); j.over || id.Gen != rec.Gen || int(id.Stage) != rec.Stage {
				return
			}
			c := consumed(tr)
			j.winners[id.Index] = tr
			if id.Phase == sched.Map {
				l.keepTally(sched.AttemptID{TaskID: id.TaskID, Attempt: tr.Attempt, Gen: tr.Gen}, tallyOf(tr))
			}
			l.step(sched.Done{ID: id, Worker: s.id, Consumed: &c})
			j.log.Touch()
		})
		return nil
	})
}

// keepTally remembers what a map attempt counted. Called in the loop only.
func (l *leader) keepTally(id sched.AttemptID, t *sessionv1.Tally) {
	if j := l.jobs[id.Job]; j != nil && !j.over && id.Phase == sched.Map && id.Stage == j.stage() && t != nil {
		j.tallies[id] = t
		j.done[id.TaskID] = t.BytesIn
	}
}

// tooManyBad fails a job whose bad records are more than it allows.
func (l *leader) tooManyBad(s *session, j *job, r *sessionv1.Report) bool {
	limit := j.chain.Job().Spec.MaxBadRecords
	if limit < 0 || r.Tally == nil || r.Tally.BadRecords == 0 {
		return false
	}
	perTask := map[int32]uint64{}
	var sum uint64
	for id, t := range j.tallies {
		if t.BadRecords > perTask[id.Index] {
			sum += t.BadRecords - perTask[id.Index]
			perTask[id.Index] = t.BadRecords
		}
	}
	if sum <= uint64(limit) {
		return false
	}
	text := "more bad records than --max-bad-records allows"
	if len(r.Tally.BadSamples) > 0 {
		b := r.Tally.BadSamples[0]
		text += ": for example " + b.Object + " at byte " + utoa(b.Offset) + ": " + b.Error
	}
	l.step(sched.Fail{ID: attemptOf(r.Id), Worker: s.id, Kind: errs.Invalid, Error: text})
	return true
}

// recordMapCounters makes the counts of the map stage durable once every map is done: a worker that dies later takes
// its tallies with it.
func (l *leader) recordMapCounters(j *job) {
	view, ok := l.sched.View(j.id)
	if !ok || view.Map.Done != view.Map.Total || j.counted || j.onlyMaps() {
		return
	}
	counters, whole := j.mapCounters()
	if !whole {
		return // those who hold the runs may still bring it; awaitCounters looks again
	}
	j.counted = true
	stage := j.chain.Job().Stage
	l.spawn(j, "record the counters of its maps", func(ctx context.Context) error {
		return j.update(ctx, func(r *ledger.Job) {
			if !r.Phase.Ended() && r.Phase != ledger.Committing && r.Stage == stage {
				r.Counters = counters
			}
		})
	})
}

// release tells every worker to forget a job, and forgets most of it here if it has ended. One that has not is still
// being loaded, for so long that the scheduler no longer keeps what workers brought along of it. Called in the loop only.
func (l *leader) release(id sched.JobID) {
	for _, s := range l.sessions {
		s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Release{Release: &sessionv1.Release{Job: string(id)}}})
	}
	j := l.jobs[id]
	if j == nil || !j.over || j.tallies == nil {
		return
	}
	j.tallies, j.winners, j.done, j.running, j.samples = nil, nil, nil, nil, nil
	l.over = append(l.over, id)
	if len(l.over) > keptJobs {
		delete(l.jobs, l.over[0])
		l.over = l.over[1:]
	}
}
