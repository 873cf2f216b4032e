package coordinator

import (
	"context"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// cancel asks for a job's end, and gives the answer when it comes.
func (s *coord) cancel(c *cluster, id string) <-chan *controlv1.JobStatus {
	answer := make(chan *controlv1.JobStatus, 1)
	go func() {
		r, err := s.ControlServiceClient.Cancel(c.ctx, &controlv1.CancelRequest{Job: id, Reason: "enough"})
		if err != nil {
			c.t.Errorf("cancel: %v", err)
		}
		answer <- r.GetStatus()
	}()
	return answer
}

func isCancelled(t *testing.T, st *controlv1.JobStatus) {
	t.Helper()
	if st.GetPhase() != controlv1.JobStatus_PHASE_CANCELLED || st.Error != "enough" || errs.Kind(st.ErrorKind) != errs.Canceled {
		t.Errorf("the job ended as %v", st)
	}
}

// TestCancelWhileQueued: a job that lies in the inbox and nowhere else is cancelled like any other.
func TestCancelWhileQueued(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	accepting := c.store.hold("put", "/job")
	id := s.submit(c, c.job(1, 1))
	await(c, "the job to be accepted", accepting.reached)
	looking := c.store.hold("get", "inbox/")
	answer := s.cancel(c, id)
	await(c, "the job to be found queued", looking.reached)
	looking.lift()
	accepting.lift()
	isCancelled(t, await(c, "the answer", answer))
	isCancelled(t, s.status(c, id))
}

// TestCancelWhilePlanned: what is cancelled before it is admitted starts nothing.
func TestCancelWhilePlanned(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	planning := c.store.fail("get", "/plan/head", storage.ErrUnknown)
	id := s.submit(c, c.job(1, 1))
	await(c, "the plan", planning.reached)
	isCancelled(t, await(c, "the answer", s.cancel(c, id)))
	planning.lift()
	if len(w.starts) > 0 {
		t.Error("work was started")
	}
}

// TestCancelWhileRunning: attempts are told to stop, and the answer comes when they have.
func TestCancelWhileRunning(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	id := s.submit(c, c.job(2, 1))
	o := w.next("map/0")
	answer := s.cancel(c, id)
	if stop := await(c, "the order to stop", w.stops); label(stop.Id) != label(o.Id) {
		t.Errorf("told to stop %s", label(stop.Id))
	}
	select {
	case st := <-answer:
		t.Errorf("answered while an attempt ran: %v", st)
	default:
	}
	w.report(&sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED})
	isCancelled(t, await(c, "the answer", answer))
	if got := await(c, "the release", w.releases); got != id {
		t.Errorf("told to forget %s", got)
	}
	isCancelled(t, await(c, "the same answer again", s.cancel(c, id)))
}

// TestCancelWhileCommitting: from there a job only goes forward, and the answer says so.
func TestCancelWhileCommitting(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	id := s.submit(c, c.job(1, 1))
	publishing := c.out.hold("publish", "")
	defer publishing.lift()
	w.maps(1)
	w.reduces(1)
	await(c, "the commit", publishing.reached)
	answer := s.cancel(c, id)
	c.until("the cancellation to be refused", func() bool {
		m, err := s.events(c, id)
		return err == nil && m["cancel-ignored"] > 0
	})
	publishing.lift()
	if st := await(c, "the answer", answer); st.GetPhase() != controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the job ended as %v", st)
	}
}

// events counts what has happened to a job so far, by kind.
func (s *coord) events(c *cluster, id string) (map[string]int, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	stream, err := s.ControlServiceClient.Watch(ctx, &controlv1.WatchRequest{Job: id, Events: true})
	if err != nil {
		return nil, err
	}
	m, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	n := map[string]int{}
	for _, e := range m.Events {
		n[e.Kind]++
	}
	return n, nil
}
