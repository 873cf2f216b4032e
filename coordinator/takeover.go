package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/coordinator/events"
	"github.com/mrctl/mrctl/coordinator/records"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
)

// takeOver claims every live job before anything is decided about any of them: what an old leader writes after its
// claim fails, what it wrote before is in what we read.
func (l *leader) takeOver(ctx context.Context) ([]*job, error) {
	var claimed []*job
	for id, err := range l.book.Jobs(ctx) {
		if err != nil {
			return nil, err
		}
		var chain *records.Chain
		err = errs.Contain(func() (err error) { chain, err = l.book.Claim(ctx, id); return err })
		switch {
		case errs.Is(err, errs.NotFound):
			continue
		case err != nil && (ctx.Err() != nil || !lasting(err)):
			return nil, fmt.Errorf("claim job %s: %w", id, err)
		case err != nil: // no leader of this version can go on with it: the others must not wait
			l.log.Error("job left alone", zap.String("job", id), zap.Error(err))
			continue
		}
		if chain.Job().Phase.Ended() {
			continue
		}
		j := newJob(chain)
		l.solitude.expected = l.solitude.expected || len(j.holders.all) > 0
		l.jobs[j.id] = j
		claimed = append(claimed, j)
		l.log.Info("claimed job", zap.String("job", id), zap.String("phase", string(chain.Job().Phase)))
	}
	return claimed, nil
}

// resume goes on with a job from what its record says. Called in the loop only.
func (l *leader) resume(j *job) {
	l.jobs[j.id], l.handling = j, j.id
	rec := j.chain.Job()
	if rec.Phase == ledger.Planning {
		l.spawn(j, "plan it", func(ctx context.Context) error { return l.plan(ctx, j) })
		return
	}
	l.spawn(j, "read its records", func(ctx context.Context) error { return l.load(ctx, j) })
}

// lasting tells errors that come of what the store holds from those that pass.
func lasting(err error) bool {
	kind := errs.KindOf(err)
	return kind == errs.Corrupt || kind == errs.Invalid || kind == errs.NotFound
}

// load goes on with a job that was running. What is wrong with its records for good fails it.
func (l *leader) load(ctx context.Context, j *job) error {
	err := l.read(ctx, j)
	if err == nil || ctx.Err() != nil || !lasting(err) || errs.Is(err, errs.Invalid) { // of a later version, perhaps
		return err
	}
	return l.conclude(ctx, j, sched.End{Job: j.id, Kind: errs.Corrupt, Reason: "its records cannot be read: " + err.Error()})
}

// read reads the plan and the winning records of a job that was running, and admits it.
func (l *leader) read(ctx context.Context, j *job) error {
	if done, err := l.cancelled(ctx, j); done || err != nil {
		return err
	}
	rec := j.chain.Job()
	head, err := dataset.ReadHead(ctx, l.srv.cfg.Store, ledger.StageID(rec.ID, rec.Stage))
	if err != nil {
		return err
	}
	if head.Maps != rec.Maps || head.Partitions != rec.Reduces {
		return errs.New(errs.Corrupt, "the plan has %d map tasks and %d partitions, the job's record %d and %d", head.Maps, head.Partitions, rec.Maps, rec.Reduces)
	}
	if dataset.Extents(rec.Maps, rec.Tails) == nil && rec.MapTasks() > 0 {
		return errs.New(errs.Corrupt, "tails %v of %d map tasks", rec.Tails, rec.Maps)
	}
	winners := map[int32]ledger.TaskRecord{}
	for tr, err := range ledger.Tasks(ctx, l.srv.cfg.Store, rec.ID, rec.Stage, rec.LastPhase(), rec.Gen) {
		if err != nil {
			return err
		}
		if err := fitting(rec, tr); err != nil {
			return err
		}
		winners[int32(tr.Task)] = tr
	}
	stored, err := ledger.StoredRuns(ctx, l.srv.cfg.Store, rec.ID, rec.Stage)
	if err != nil {
		return err
	}
	cut, err := l.isCut(ctx, rec)
	if err != nil {
		return err
	}
	l.post(func() {
		if j.cut = cut; cut {
			clear(j.samples) // which workers have brought along
		}
		l.admit(j, head, winners, stored...)
	})
	return nil
}

// admit gives a job to the scheduler, with what is known to be finished of it. Called in the loop only.
func (l *leader) admit(j *job, head dataset.Head, winners map[int32]ledger.TaskRecord, stored ...ledger.StoredRun) {
	rec := j.chain.Job()
	l.handling = j.id
	j.head, j.winners, j.admitted, j.extents = head, winners, true, dataset.Extents(head.Maps, rec.Tails)
	e := sched.Admit{
		Job: j.id, Stage: int32(rec.Stage), Priority: rec.Spec.Priority, Maps: j.maps(), Reduces: head.Partitions, Gen: rec.Gen,
		Strict: rec.Spec.Nondeterministic == spec.Fail, Redone: rec.Redone, Published: rec.Published,
		MaxAttempts: rec.Spec.MaxAttempts, NoBackup: rec.Spec.NoBackup, Finished: map[sched.TaskID]sched.Consumed{},
		Uncut:        ordered(rec, head.Partitions) && !j.cut,
		Tails:        rec.Claims == 1 && rec.Gen == 0,
		FirstAttempt: int32(max(rec.Claims-1, 0) * ledger.AttemptsPerLeader),
	}
	for i, tr := range winners {
		id := sched.TaskID{Job: j.id, Stage: int32(rec.Stage), Phase: lastPhase(rec), Index: i}
		if e.Finished[id] = consumed(tr); id.Phase == sched.Map {
			l.keepTally(sched.AttemptID{TaskID: id, Attempt: tr.Attempt, Gen: tr.Gen}, tallyOf(tr))
		}
	}
	for _, r := range stored {
		id := sched.AttemptID{TaskID: sched.TaskID{Job: j.id, Stage: int32(rec.Stage), Phase: sched.Map, Index: int32(r.Task)}, Attempt: r.Attempt}
		if !j.fits(id, r.End) {
			continue
		}
		e.Stored = append(e.Stored, sched.MapOutput{ID: id, Digest: digestOf(r.Digest)})
		l.keepTally(id, tallyIn(r.Tally))
		j.keepSample(id, r.Sample)
	}
	for _, w := range rec.Holders {
		e.Await = append(e.Await, sched.WorkerID(w))
		if l.sessions[sched.WorkerID(w)] == nil {
			l.unholdLater(sched.WorkerID(w))
		}
	}
	j.awaitUntil = time.Now().Add(2*l.srv.cfg.Heartbeat + 5*time.Second)
	e.AwaitUntil = j.awaitUntil
	j.log.Add(events.Event{Time: time.Now(), Kind: "admitted", Text: fmt.Sprintf("%d map tasks, %d partitions, %d bytes; %d finished already", j.maps(), head.Partitions, head.Bytes, len(winners))})
	l.step(e)
	l.settle(j)
	if j.cancelled != "" {
		l.step(sched.Cancel{Job: j.id, Reason: j.cancelled})
	}
}

func consumed(tr ledger.TaskRecord) sched.Consumed {
	c := sched.Consumed{Attempts: make([]int32, len(tr.Inputs)), Digests: make([]sched.Digest, len(tr.Inputs))}
	for i, in := range tr.Inputs {
		c.Attempts[i] = in.Attempt
		c.Digests[i] = digestOf(in.Digest)
	}
	return c
}

// watchInbox turns submissions into jobs: at once when nudged, and now and then anyway.
func (l *leader) watchInbox(ctx context.Context) error {
	tick := time.NewTicker(l.srv.cfg.InboxPoll)
	defer tick.Stop()
	for {
		if err := l.emptyInbox(ctx); err != nil && ctx.Err() == nil {
			if errs.Is(err, errs.Fenced) {
				l.end(err)
				return nil
			}
			l.log.Warn("read the inbox", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-l.nudge:
		}
	}
}

// emptyInbox accepts what is in the inbox. An entry that cannot be accepted now does not keep the others from it.
func (l *leader) emptyInbox(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(8)
	var bad error
	for id, err := range l.book.Inbox(ctx) {
		if err != nil {
			bad = err
			break
		}
		g.Go(func() error {
			err := errs.Contain(func() error { return l.accept(ctx, id) })
			if err != nil && !errs.Is(err, errs.Fenced) && ctx.Err() == nil {
				l.log.Warn("job not accepted yet", zap.String("job", id), zap.Error(err))
				return nil
			}
			return err
		})
	}
	return errors.Join(g.Wait(), bad)
}

func (l *leader) accept(ctx context.Context, id string) error {
	chain, err := l.book.Accept(ctx, id)
	if err != nil {
		return err
	}
	l.post(func() {
		if l.jobs[sched.JobID(id)] == nil && !chain.Job().Phase.Ended() {
			l.resume(newJob(chain))
		}
		l.arrivals.Touch()
	})
	return nil
}
