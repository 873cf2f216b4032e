package coordinator

import (
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
)

func early(cfg *Config) { cfg.Sched.SlowStart = 0.5 }

// landed says in a heartbeat how many map tasks' runs a reduce has.
func (w *worker) landed(id *sessionv1.AttemptID, runs uint32) {
	w.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: &sessionv1.Heartbeat{
		Attempts: []*sessionv1.AttemptProgress{{Id: id, Runs: runs}}}}})
}

// TestEarlyReduce: a reduce that starts while a map runs is told of its run later, and people see how far it has come.
func TestEarlyReduce(t *testing.T) {
	c := newCluster(t)
	s := c.lead(early)
	w1, w2 := c.worker(s, "w1", 1), c.worker(s, "w2", 1)
	id := s.submit(c, c.job(2, 1))
	w1.next("map/")
	slow := w2.next("map/1")
	w1.report(mapped(&sessionv1.AttemptID{Job: id, Phase: sessionv1.AttemptID_PHASE_MAP}))
	o := w1.next("reduce/0")
	if o.Maps != 2 || len(o.Sources) != 1 || o.Sources[0].Addr != "w1:1" || len(o.Sources[0].Tasks) != 1 {
		t.Errorf("the reduce is sent to %v", o)
	}
	w1.landed(o.Id, 1)
	c.until("its progress to be seen", func() bool {
		st := s.status(c, id).Stages[1]
		return st.Running == 1 && st.RunsFetched == 1 && st.RunsWanted == 2
	})
	w2.report(mapped(slow.Id))
	w1.reduce(o)
	st := s.end(c, id)
	if st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsFailed+st.AttemptsLost != 0 || st.Stages[1].RunsWanted != 0 {
		t.Errorf("the job ended as %v", st)
	}
	if m, err := s.events(c, id); err != nil || m["attempt-yielded"] != 0 || m["attempt-started"] != 3 {
		t.Errorf("events %v, %v", m, err)
	}
}

// TestEarlyReduceYields: the worker of the last map goes, and the reduce that waits for it gives up its slot.
func TestEarlyReduceYields(t *testing.T) {
	c := newCluster(t)
	s := c.lead(early)
	w1, w2 := c.worker(s, "w1", 1), c.worker(s, "w2", 1)
	j := c.job(2, 1)
	j.MaxAttempts = 1
	id := s.submit(c, j)
	w1.next("map/")
	w2.next("map/1")
	w1.report(mapped(&sessionv1.AttemptID{Job: id, Phase: sessionv1.AttemptID_PHASE_MAP}))
	o := w1.next("reduce/0")
	w2.leave()
	if stop := await(c, "an order to stop", w1.stops); label(stop.Id) != label(o.Id) {
		t.Errorf("%s is stopped", label(stop.Id))
	}
	w1.report(&sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED})
	w1.report(mapped(w1.next("map/1").Id))
	w1.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsFailed != 0 || st.AttemptsLost != 1 {
		t.Errorf("the job ended as %v", st)
	}
	if m, err := s.events(c, id); err != nil || m["attempt-yielded"] != 1 {
		t.Errorf("events %v, %v", m, err)
	}
}

// TestNextLeaderTellsAllSources: a reduce that waited under one leader is told everything by the next, whatever it knows.
func TestNextLeaderTellsAllSources(t *testing.T) {
	c := newCluster(t)
	first := c.lead(early)
	w1, w2 := c.worker(first, "w1", 1), c.worker(first, "w2", 1)
	id := first.submit(c, c.job(2, 1))
	done := w1.next("map/").Id
	slow := w2.next("map/1").Id
	w1.report(mapped(done))
	o := w1.next("reduce/0")
	c.until("the holders to be recorded", func() bool { return len(c.record(id).Holders) == 2 })
	first.stop()

	second := c.lead(early)
	reg1, reg2 := register("w1", 1), register("w2", 1)
	reg1.Epoch, reg1.Held, reg1.Running = w1.epoch, []*sessionv1.Held{held(done)}, []*sessionv1.AttemptID{o.Id}
	reg2.Epoch, reg2.Running = w2.epoch, []*sessionv1.AttemptID{slow}
	w2 = c.join(second, reg2)
	w1 = c.join(second, reg1)
	c.until("all sources to be told", func() bool {
		w1.mu.Lock()
		defer w1.mu.Unlock()
		return len(w1.fed) == 1
	})
	if m := w1.fed[0]; len(m.Sources) != 1 || m.Sources[0].Tasks[0] != 0 || len(m.Gone) != 1 || m.Gone[0] != 1 {
		t.Errorf("the reduce is told %v", m)
	}
	w2.report(mapped(slow))
	w1.reduce(o)
	if st := second.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsFailed+st.AttemptsLost != 0 {
		t.Errorf("the job ended as %v", st)
	}
	if len(w1.starts)+len(w2.starts) > 0 {
		t.Error("something was started again")
	}
}
