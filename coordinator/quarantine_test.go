package coordinator

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
)

// breaksOver makes the loop panic as if over a job.
func (s *coord) breaksOver(c *cluster, id string) {
	c.t.Helper()
	l := s.leader.Load()
	err := l.ask(c.ctx, func() { l.handling = sched.JobID(id); panic("this job is poison") })
	if !errs.Is(err, errs.Unavailable) {
		c.t.Fatalf("a leader went on after its loop had panicked: %v", err)
	}
	c.until("it to lead again", func() bool { return s.Leads() && s.leader.Load() != l })
}

// TestTwoBreakdownsQuarantine: a job over which the leader broke down twice is set aside, with the cause named, and the others
// go on.
func TestTwoBreakdownsQuarantine(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	poison, good := c.job(1, 1), c.job(1, 1)
	poison.Output = ""
	bad, id := s.submit(c, poison), s.submit(c, good)
	for _, id := range []string{bad, id} {
		c.until("the job to run", func() bool { return s.status(c, id).Phase == controlv1.JobStatus_PHASE_RUNNING })
	}
	s.breaksOver(c, bad)
	c.until("the job to be taken up once more", func() bool { r := c.record(bad); return r.Claims == 2 && !r.Handling })
	if r := c.record(bad); r.Crashes != 1 || r.Phase != ledger.Running {
		t.Errorf("after one breakdown: %s, %d crashes", r.Phase, r.Crashes)
	}
	s.breaksOver(c, bad)
	st := s.end(c, bad)
	if st.Phase != controlv1.JobStatus_PHASE_FAILED || !strings.Contains(st.Error, "quarantined: 2 leaders") || !strings.Contains(st.Error, "this job is poison") {
		t.Errorf("the job ended as %v", st)
	}
	w := c.worker(s, "w", 1)
	w.maps(1)
	w.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the other job ended as %v", st)
	}
}

// TestLeadersThatEndOverAJob: nobody can say what ended a leader that was killed. A job is set aside after three that ended while
// they took it up; after two it is taken up alone, and if that goes well it is forgotten.
func TestLeadersThatEndOverAJob(t *testing.T) {
	for crashes, quarantined := range map[int]bool{1: false, 2: true} {
		c := newCluster(t)
		first := c.lead()
		id := first.submit(c, c.job(1, 1))
		c.until("the job to run", func() bool { return first.status(c, id).Phase == controlv1.JobStatus_PHASE_RUNNING })
		first.stop()
		c.rewrite(ledger.JobKey(id), func(body []byte) []byte {
			var m map[string]any
			if err := json.Unmarshal(body, &m); err != nil {
				t.Fatal(err)
			}
			m["handling"], m["crashes"] = true, crashes
			body, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return body
		})
		second := c.lead()
		if quarantined {
			if st := second.end(c, id); st.Phase != controlv1.JobStatus_PHASE_FAILED || !strings.Contains(st.Error, "quarantined: 3 leaders in a row") {
				t.Errorf("the job ended as %v", st)
			}
			continue
		}
		c.until("the suspicion to be dropped", func() bool { r := c.record(id); return r.Claims == 2 && !r.Handling && r.Crashes == 0 })
		w := c.worker(second, "w", 1)
		w.maps(1)
		w.reduces(1)
		if st := second.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
			t.Errorf("the job ended as %v", st)
		}
	}
}

// rewrite changes a record behind everybody's back.
func (c *cluster) rewrite(key string, change func([]byte) []byte) {
	c.t.Helper()
	body, info, err := c.store.Store.Get(c.ctx, key)
	if err == nil {
		_, err = c.store.Store.PutIf(c.ctx, key, change(body), info.Version)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// TestOrderlyLeadersAreNotCounted: leaders that step down in order while they plan a job do not count against it.
func TestOrderlyLeadersAreNotCounted(t *testing.T) {
	c := newCluster(t)
	id := ledger.NewJobID()
	for range 4 {
		planning := c.store.fail("put", "/plan/head", storage.ErrUnknown)
		s := c.lead()
		if _, err := ledger.ReadJob(c.ctx, c.store, id); errs.Is(err, errs.NotFound) {
			id = s.submit(c, c.job(1, 1))
		}
		await(c, "the job to be planned", planning.reached)
		s.stop()
		planning.lift()
	}
	if r := c.record(id); r.Handling || r.Crashes != 0 || r.Claims != 4 {
		t.Errorf("%d claims, %d crashes, handling %v", r.Claims, r.Crashes, r.Handling)
	}
}

// TestRecordsSpoilt: what is wrong with a job's records for good fails that job, and says what it is.
func TestRecordsSpoilt(t *testing.T) {
	for name, x := range map[string]struct {
		spoil func(c *cluster, id string)
		want  string
	}{
		"a head that is none": {func(c *cluster, id string) {
			c.rewrite(dataset.PlanHeadKey(id), func([]byte) []byte { return []byte("[[") })
		}, "plan"},
		"a head of another job's size": {func(c *cluster, id string) {
			c.rewrite(dataset.PlanHeadKey(id), func(b []byte) []byte {
				return []byte(strings.Replace(string(b), `"maps":3`, `"maps":2000000000`, 1))
			})
		}, "2000000000 map tasks"},
		"a winner that is none": {func(c *cluster, id string) {
			c.rewrite(ledger.TaskKey(id, 0, ledger.Reduce, 0, 0), func([]byte) []byte { return []byte("{") })
		}, "/t/0-reduce/0/00000000"},
		"a winner without inputs": {func(c *cluster, id string) {
			c.rewrite(ledger.TaskKey(id, 0, ledger.Reduce, 0, 0), func(b []byte) []byte {
				var m map[string]any
				if err := json.Unmarshal(b, &m); err != nil {
					c.t.Fatal(err)
				}
				delete(m, "inputs")
				b, err := json.Marshal(m)
				if err != nil {
					c.t.Fatal(err)
				}
				return b
			})
		}, "0 inputs of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			first := c.lead()
			h := c.half(first, c.worker(first, "w", 1))
			first.stop()
			x.spoil(c, h.id)
			second := c.lead()
			if st := second.end(c, h.id); st.Phase != controlv1.JobStatus_PHASE_FAILED || errs.Kind(st.ErrorKind) != errs.Corrupt || !strings.Contains(st.Error, x.want) {
				t.Errorf("the job ended as %v", st)
			}
		})
	}
}

// TestHugeSpec: a job whose description leaves its record no room is refused as a job, not tried for ever.
func TestHugeSpec(t *testing.T) {
	c := newCluster(t)
	j := c.job(1, 1)
	j.Args = []string{strings.Repeat("x", storage.MaxRecord/2)}
	id := ledger.JobIDFor(j)
	if err := ledger.SubmitInbox(c.ctx, c.store, id, j); err != nil {
		t.Fatal(err)
	}
	s := c.lead()
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_FAILED || errs.Kind(st.ErrorKind) != errs.Invalid || !strings.Contains(st.Error, "a record has room for") {
		t.Errorf("the job ended as %s: %s", st.Phase, st.Error)
	}
}

// panics is an output whose looks are deceiving.
type panics struct{ storage.Places }

func (panics) Output(string) (storage.Store, error) { panic("no such shelf") }

// TestPanicIsTheJobsAlone: a panic over one job fails it, with the stack in its events, under a leader that goes on.
func TestPanicIsTheJobsAlone(t *testing.T) {
	c := newCluster(t)
	s := c.lead(func(cfg *Config) { cfg.Resolver = panics{cfg.Resolver} })
	w := c.worker(s, "w", 1)
	epoch := w.epoch
	st := s.end(c, s.submit(c, c.job(1, 1)))
	if st.Phase != controlv1.JobStatus_PHASE_FAILED || errs.Kind(st.ErrorKind) != errs.Corrupt || !strings.Contains(st.Error, "no such shelf") {
		t.Errorf("the job ended as %v", st)
	}
	if body, _, err := c.store.Get(c.ctx, ledger.HistoryKey(st.Id)); err != nil || !strings.Contains(string(body), "quarantine_test.go") {
		t.Errorf("its history has no stack: %s, %v", body, err)
	}
	other := c.job(1, 1)
	other.Output = ""
	id := s.submit(c, other)
	w.maps(1)
	o := w.next("reduce/")
	w.recordIn(o, c.outputOf(id))
	w.report(&sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_DONE})
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Epoch != epoch {
		t.Errorf("the other job ended as %v, under epoch %d", st, epoch)
	}
}

// TestHostileWorker: whatever a worker says, the leader goes on and other workers' jobs come to their end.
func TestHostileWorker(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	honest := c.worker(s, "honest", 1)
	epoch := honest.epoch
	id := s.submit(c, c.job(2, 1))
	order := honest.next("map/")
	ids := []*sessionv1.AttemptID{nil, {}, {Job: id}, order.Id,
		{Job: id, Phase: sessionv1.AttemptID_PHASE_MAP, Task: math.MaxUint32, Attempt: math.MaxUint32},
		{Job: id, Phase: sessionv1.AttemptID_PHASE_REDUCE, Task: math.MaxUint32, Gen: math.MaxUint32},
		{Job: id, Phase: sessionv1.AttemptID_PHASE_REDUCE, Task: 7},
		{Job: id, Phase: sessionv1.AttemptID_Phase(77), Stage: 9, Task: 1 << 31},
		{Job: "../../etc", Phase: sessionv1.AttemptID_PHASE_REDUCE},
	}
	for n, reg := range []*sessionv1.Register{register("evil", math.MaxUint32), register("evil", 1)} {
		if n == 0 { // it brings along what it cannot have, and would take all work
			reg.Running, reg.Held = ids, []*sessionv1.Held{{}, {Id: ids[4]}, {Id: ids[5], Digest: []byte("x")}, {Id: ids[7], Tally: &sessionv1.Tally{BytesIn: math.MaxUint64}}}
		}
		w := c.join(s, reg)
		for _, a := range ids {
			for outcome := range sessionv1.Report_Outcome_name {
				w.report(&sessionv1.Report{Id: a, Outcome: sessionv1.Report_Outcome(outcome), ErrorKind: math.MaxUint32,
					Error: strings.Repeat("x", 1<<16), Digest: make([]byte, 99), Missing: ids})
			}
			w.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: &sessionv1.Heartbeat{
				Attempts: []*sessionv1.AttemptProgress{nil, {Id: a, Records: math.MaxUint64, Bytes: math.MaxUint64, Runs: math.MaxUint32}}}}})
		}
		w.send(&sessionv1.AttachRequest{})
		w.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Drain{Drain: &sessionv1.Drain{}}})
		w.leave()
		await(c, "the end of its session", w.ended)
	}
	if !s.Leads() || s.leader.Load().term.Epoch != epoch {
		t.Fatal("the leader is another, or none")
	}
	if st := honest.serve("", s.cancel(c, id)); st.GetPhase() < controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the job has not ended: %v", st)
	}
	// Whatever came of what the other said may still be on its way.
	id = s.submit(c, c.job(2, 1))
	ended := make(chan *controlv1.JobStatus, 1)
	go func() { ended <- s.end(c, id) }()
	if st := honest.serve(id, ended); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Epoch != epoch {
		t.Errorf("the next job ended as %v", st)
	}
}

// serve carries out what a job orders, and stops what is to be stopped, until the job has ended. Orders of others are left
// alone.
func (w *worker) serve(job string, ended <-chan *controlv1.JobStatus) *controlv1.JobStatus {
	w.c.t.Helper()
	for {
		select {
		case o := <-w.starts:
			switch {
			case o.Id.Job != job:
			case o.Id.Phase == sessionv1.AttemptID_PHASE_MAP:
				w.report(mapped(o.Id))
			default:
				w.reduce(o)
			}
		case stop := <-w.stops:
			w.report(&sessionv1.Report{Id: stop.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED})
		case st := <-ended:
			return st
		case <-w.c.ctx.Done():
			w.c.t.Fatal("the job has not ended")
		}
	}
}

// TestBreakdownBesideACommit: what panics beside a job's commit does not fail a job whose output that declares whole.
func TestBreakdownBesideACommit(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 2)
	id := s.submit(c, c.job(1, 1))
	publishing := c.out.hold("publish", "")
	defer publishing.lift()
	w.maps(1)
	w.reduces(1)
	await(c, "the commit", publishing.reached)
	l := s.leader.Load()
	var j *job
	if err := l.ask(c.ctx, func() { j = l.jobs[sched.JobID(id)] }); err != nil {
		t.Fatal(err)
	}
	if err := l.brokeDown(c.ctx, j, "record who holds its runs", &errs.Panic{Value: "this step is poison"}); err != nil {
		t.Fatal(err)
	}
	publishing.lift()
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the job ended as %v", st)
	}
}
