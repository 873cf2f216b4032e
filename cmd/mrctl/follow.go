package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// terminal says that a job has ended.
func terminal(s *controlv1.JobStatus) bool {
	switch s.GetPhase() {
	case controlv1.JobStatus_PHASE_DONE, controlv1.JobStatus_PHASE_FAILED, controlv1.JobStatus_PHASE_CANCELLED:
		return true
	}
	return false
}

// patience is how long a job is watched with nobody to ask before it is given up on, well beyond any fail-over.
const patience = 2 * time.Minute

// storeWait is how long each question to the store for a job may take meanwhile.
const storeWait = 20 * time.Second

// watch follows a job to its end through whatever leaders it has, and tells see of every change. It returns how the job
// stands in the end; a failed one is no error here. The job goes on when watching ends early.
func (cl *cluster) watch(ctx context.Context, id string, events bool, see func(*controlv1.JobStatus, []*controlv1.Event)) (*controlv1.JobStatus, error) {
	var seen, epoch uint64 // the last event, which counts from 1 under each leader
	heard := time.Now()
	for try := 0; ; try++ {
		client, lease, err := cl.leader(ctx)
		if err == nil {
			if lease.Epoch != epoch {
				seen, epoch = 0, lease.Epoch
			}
			var last *controlv1.JobStatus
			last, err = cl.watchOnce(ctx, client, lease.Epoch, id, events, &seen, func(s *controlv1.JobStatus, e []*controlv1.Event) {
				heard, try = time.Now(), 0
				see(s, e)
			})
			if terminal(last) {
				return last, nil
			}
			err = callError(ctx, "watch "+id+" at", lease.Addr, err)
		}
		// The store knows how it ended even if nobody is left to say so.
		asked, stop := context.WithTimeout(ctx, storeWait) // it would ask for ever
		job, serr := ledger.ReadJob(asked, cl.store, id)
		stop()
		if serr == nil && job.Phase.Ended() {
			s := statusOf(job)
			see(s, nil)
			return s, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if errs.Is(serr, errs.NotFound) {
			return nil, serr
		}
		if err != nil && !passing(err) && !isStoreError(err) && !(errs.Is(err, errs.NotFound) && serr == nil) {
			return nil, err
		}
		if time.Since(heard) > patience {
			return nil, next(errs.E(errs.Unavailable, "watch", id, errors.Join(err, serr)),
				"the job stays submitted; mrctl watch %s goes on", id)
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// leaseCheck is how often a stream that may have gone silent is checked against the lease.
const leaseCheck = 5 * time.Second

// watchOnce follows a job as long as one leader leads and one stream to him lasts, and gives the last status seen. seen
// is the number of the last event.
func (cl *cluster) watchOnce(ctx context.Context, client controlv1.ControlServiceClient, epoch uint64, id string, events bool,
	seen *uint64, see func(*controlv1.JobStatus, []*controlv1.Event)) (last *controlv1.JobStatus, err error) {
	// A machine that is gone breaks no connection; the lease tells that another leads.
	ctx, cancel := context.WithCancelCause(ctx)
	checked := make(chan struct{})
	defer func() { cancel(nil); <-checked }()
	go func() {
		defer close(checked)
		tick := time.NewTicker(cmp.Or(cl.recheck, leaseCheck))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if lease, err := ledger.ReadLease(ctx, cl.store); err == nil && lease.Epoch != epoch {
					cancel(errs.New(errs.Unavailable, "the leader of epoch %d leads no more", epoch))
				}
			}
		}
	}()
	stream, err := client.Watch(ctx, &controlv1.WatchRequest{Job: id, AfterEvent: *seen, Events: events})
	if err != nil {
		return nil, err
	}
	for {
		m, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return last, errs.New(errs.Unavailable, "the stream ended before the job")
		case err != nil && context.Cause(ctx) != nil:
			return last, context.Cause(ctx)
		case err != nil:
			return last, err
		}
		if m.Status != nil {
			last = m.Status
		}
		for _, e := range m.Events {
			*seen = max(*seen, e.Seq)
		}
		if last != nil {
			see(last, m.Events)
		}
		if terminal(m.Status) {
			return last, nil
		}
	}
}
