package main

import (
	"context"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// statusOf turns a job's record into what the leader would say of it, as far as the store knows.
func statusOf(j ledger.Job) *controlv1.JobStatus {
	s := &controlv1.JobStatus{
		Id: j.ID, Name: j.Spec.Name, Phase: phaseOf[j.Phase],
		Error: j.Error, ErrorKind: uint32(j.ErrorKind), Output: j.Spec.Output,
		SubmittedUnixNanos: nanos(j.Spec.Submitted), StartedUnixNanos: nanos(j.Started), EndedUnixNanos: nanos(j.Ended),
		Counters: j.Counters, Epoch: j.Epoch, Warnings: j.Warnings, Gen: uint32(j.Gen),
	}
	if j.Phase == ledger.Cancelled && s.Error == "" {
		s.Error = j.CancelReason
	}
	for _, p := range j.Parts {
		s.Parts = append(s.Parts, &controlv1.Part{Key: p.Key, Rows: uint64(p.Rows), Bytes: uint64(p.Bytes)})
	}
	for _, step := range j.Steps() {
		if step.Tasks > 0 {
			s.Stages = append(s.Stages, &controlv1.StageStatus{Name: step.Name, Tasks: uint32(step.Tasks), Done: uint32(step.Done)})
		}
	}
	return s
}

var phaseOf = map[ledger.Phase]controlv1.JobStatus_Phase{
	ledger.Queued: controlv1.JobStatus_PHASE_UNSPECIFIED, ledger.Planning: controlv1.JobStatus_PHASE_PLANNING,
	ledger.Running: controlv1.JobStatus_PHASE_RUNNING, ledger.Committing: controlv1.JobStatus_PHASE_COMMITTING,
	ledger.Done: controlv1.JobStatus_PHASE_DONE, ledger.Failed: controlv1.JobStatus_PHASE_FAILED,
	ledger.Cancelled: controlv1.JobStatus_PHASE_CANCELLED,
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// status asks the leader how a job stands, and the store where nobody leads.
func (cl *cluster) status(ctx context.Context, id string) (*controlv1.JobStatus, error) {
	var answer *controlv1.GetResponse
	err := cl.askFor(ctx, 2, func(ctx context.Context, client controlv1.ControlServiceClient) (err error) {
		answer, err = client.Get(ctx, &controlv1.GetRequest{Job: id})
		return err
	})
	switch {
	case err == nil:
		return answer.Status, nil
	case !passing(err) && !errs.Is(err, errs.NotFound): // not found: it may lie in the inbox still
		return nil, err
	}
	full, serr := ledger.ResolveJobID(ctx, cl.store, id)
	if serr != nil {
		return nil, serr
	}
	job, serr := ledger.ReadJob(ctx, cl.store, full)
	if serr != nil {
		return nil, serr
	}
	return statusOf(job), nil
}
