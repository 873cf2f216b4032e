package coordinator

import (
	"strings"
	"testing"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// TestReturnWithinTheGrace: a worker whose stream breaks and who comes back goes on with what it ran and held.
func TestReturnWithinTheGrace(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	id := s.submit(c, c.job(2, 1))
	done := w.next("map/0")
	w.report(mapped(done.Id))
	running := w.next("map/1")
	w.hangUp()

	reg := register("w", 1)
	reg.Running, reg.Held = []*sessionv1.AttemptID{running.Id}, []*sessionv1.Held{held(done.Id)}
	w = c.join(s, reg)
	w.report(mapped(running.Id))
	o := w.next("reduce/0.0")
	if got := o.Sources[0].Attempts; len(got) != 2 || got[0] != 0 || got[1] != 0 {
		t.Errorf("the reduce reads attempts %v", got)
	}
	w.reduce(o)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsFailed != 0 {
		t.Errorf("the job ended as %v", st)
	}
}

// TestLostAfterTheGrace: a worker whose stream breaks and who stays away is lost, and its work is done elsewhere.
func TestLostAfterTheGrace(t *testing.T) {
	c := newCluster(t)
	s := c.lead(func(cfg *Config) { cfg.Heartbeat = 500 * time.Millisecond })
	w1 := c.worker(s, "w1", 1)
	id := s.submit(c, c.job(1, 1))
	w1.next("map/0.0")
	w2 := c.worker(s, "w2", 1)
	w1.hangUp()
	w2.report(mapped(w2.next("map/0.1").Id))
	w2.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsLost != 1 || st.AttemptsFailed != 0 {
		t.Errorf("the job ended as %v", st)
	}
}

// TestSilence: a worker that says nothing for five heartbeats is lost though its stream stands, and is told so.
func TestSilence(t *testing.T) {
	c := newCluster(t)
	s := c.lead(func(cfg *Config) { cfg.Heartbeat = 300 * time.Millisecond })
	w1 := c.joinSilently(s, register("w1", 1))
	began := time.Now()
	id := s.submit(c, c.job(1, 1))
	w1.next("map/0.0")
	w2 := c.worker(s, "w2", 1)
	err := await(c, "the end of the session", w1.ended)
	if took := time.Since(began); took < silentBeats*300*time.Millisecond || !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "no heartbeat") {
		t.Errorf("lost after %v: %v", took, err)
	}
	w2.report(mapped(w2.next("map/0.1").Id))
	w2.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsLost != 1 {
		t.Errorf("the job ended as %v", st)
	}
}

// TestLostWorkerLeavesNoProgress: what a lost attempt had done is not counted as done.
func TestLostWorkerLeavesNoProgress(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w1 := c.worker(s, "w1", 1)
	id := s.submit(c, c.job(1, 1))
	o := w1.next("map/0")
	w1.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: &sessionv1.Heartbeat{
		Attempts: []*sessionv1.AttemptProgress{{Id: o.Id, Records: 7, Bytes: 5}}}}})
	progress := func(records, bytes uint64) func() bool {
		return func() bool {
			m := s.status(c, id).Stages[0]
			return m.RecordsDone == records && m.BytesDone == bytes
		}
	}
	c.until("the progress", progress(7, 5))
	w1.leave()
	c.until("the progress to be taken back", progress(0, 0))
}

// TestLeave: a worker that closes its stream has drained; it is gone at once, without a grace.
func TestLeave(t *testing.T) {
	c := newCluster(t)
	s := c.lead() // a heartbeat, and so the grace, is longer than the test waits
	w1 := c.worker(s, "w1", 1)
	id := s.submit(c, c.job(1, 1))
	w1.next("map/0.0")
	w2 := c.worker(s, "w2", 1)
	w1.leave()
	w2.report(mapped(w2.next("map/0.1").Id))
	w2.reduces(1)
	s.end(c, id)
}

// TestDrain: a worker that drains gets no more work and finishes what it has.
func TestDrain(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w1 := c.worker(s, "w1", 1)
	id := s.submit(c, c.job(3, 1))
	o := w1.next("map/0")
	w1.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Drain{Drain: &sessionv1.Drain{}}})
	w1.report(mapped(o.Id))
	w1.acked(o.Id)
	r, err := s.ControlServiceClient.Workers(c.ctx, &controlv1.WorkersRequest{})
	if err != nil || len(r.Workers) != 1 || r.Workers[0].State != "draining" || r.Workers[0].AttemptsDone != 1 {
		t.Errorf("workers: %v, %v", r, err)
	}
	w2 := c.worker(s, "w2", 1)
	w2.maps(2)
	w2.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || len(w1.starts) > 0 {
		t.Errorf("the job ended as %v; %d orders to who drains", st, len(w1.starts))
	}
}

// TestReportsAreRepeated: the same report again, of a job under way, over and unknown, is acknowledged and harmless.
func TestReportsAreRepeated(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	id := s.submit(c, c.job(1, 1))
	m := mapped(w.next("map/0").Id)
	for range 3 {
		w.report(m)
		w.acked(m.Id)
	}
	o := w.next("reduce/0")
	r := w.reduce(o)
	w.report(r)
	w.acked(r.Id)
	w.acked(r.Id)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Counters["map.records_in"] != 1 {
		t.Errorf("the job ended as %v", st)
	}
	unknown := &sessionv1.AttemptID{Job: ledger.NewJobID(), Phase: sessionv1.AttemptID_PHASE_MAP}
	for _, again := range []*sessionv1.Report{m, r, failed(unknown, errs.UserCode, "boom")} {
		w.report(again)
		w.acked(again.Id)
	}
}

// TestUnknownJobsAreReleased: what a worker brings along of jobs nobody knows is forgotten.
func TestUnknownJobsAreReleased(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	reg := register("w", 1)
	id := &sessionv1.AttemptID{Job: ledger.NewJobID(), Phase: sessionv1.AttemptID_PHASE_MAP}
	reg.Held = []*sessionv1.Held{held(id)}
	w := c.join(s, reg)
	if got := await(c, "the release", w.releases); got != id.Job {
		t.Errorf("told to forget %s", got)
	}
	// Its slot is free all the same.
	s.submit(c, c.job(1, 1))
	w.next("map/0")
}

// TestNewerSession: a worker that attaches twice keeps the second session.
func TestNewerSession(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	old := c.worker(s, "w", 1)
	w := c.worker(s, "w", 1)
	if err := await(c, "the end of the first session", old.ended); !errs.Is(err, errs.Conflict) {
		t.Errorf("the first session ended with %v", err)
	}
	s.submit(c, c.job(1, 1))
	w.next("map/0")
}

// TestRefusals: who may not attach, and what it is told.
func TestRefusals(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	later := register("later", 1)
	later.Epoch = 99
	other := register("other", 1)
	other.Protocol++
	for name, x := range map[string]struct {
		reg  *sessionv1.Register
		kind errs.Kind
	}{
		"no slots":     {register("w", 0), errs.Invalid},
		"no name":      {register("", 1), errs.Invalid},
		"no register":  {nil, errs.Invalid},
		"later leader": {later, errs.Fenced},
		"other wire":   {other, errs.Invalid},
	} {
		w := c.open(s, x.reg)
		if _, err := w.stream.Recv(); !errs.Is(errs.FromStatus(err), x.kind) {
			t.Errorf("%s: %v, want %v", name, err, x.kind)
		}
	}
	second := c.start()
	c.until("the second to know who leads", func() bool {
		_, err := second.ControlServiceClient.Leader(c.ctx, &controlv1.LeaderRequest{})
		return errs.Is(errs.FromStatus(err), errs.Unavailable) && strings.Contains(err.Error(), s.Addr())
	})
	w := c.open(second, register("w", 1))
	if _, err := w.stream.Recv(); !errs.Is(errs.FromStatus(err), errs.Unavailable) || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("a coordinator that does not lead says %v", err)
	}
}
