package coordinator

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
)

// TestWatch: a watch begins while the job is queued, sees each phase in its order, and ends with the job.
func TestWatch(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	accepting := c.store.hold("put", "/job")
	planning := c.store.hold("get", "/plan/head")
	declaring := c.out.hold("put", output.SuccessKey)
	for _, r := range []*rule{accepting, planning, declaring} {
		defer r.lift()
	}
	id := s.submit(c, c.job(1, 1))
	await(c, "the job to be accepted", accepting.reached)
	stream, err := s.ControlServiceClient.Watch(c.ctx, &controlv1.WatchRequest{Job: id, Events: true})
	if err != nil {
		t.Fatal(err)
	}
	messages := make(chan *controlv1.WatchResponse, 1000)
	go func() {
		defer close(messages)
		for {
			m, err := stream.Recv()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("watch: %v", err)
				}
				return
			}
			messages <- m
		}
	}()
	var seq uint64
	kinds := map[string]bool{}
	phase := controlv1.JobStatus_PHASE_UNSPECIFIED
	reach := func(want controlv1.JobStatus_Phase) {
		t.Helper()
		for phase < want {
			m := await(c, "phase "+want.String(), messages)
			if m == nil || m.Status.Phase < phase || m.Status.Phase > want {
				t.Fatalf("after %v comes %v, want %v", phase, m, want)
			}
			phase = m.Status.Phase
			for _, e := range m.Events {
				if e.Seq != seq+1 {
					t.Errorf("event %d comes after %d", e.Seq, seq)
				}
				seq, kinds[e.Kind] = e.Seq, true
			}
		}
	}
	accepting.lift()
	reach(controlv1.JobStatus_PHASE_PLANNING)
	planning.lift()
	reach(controlv1.JobStatus_PHASE_RUNNING)
	w.maps(1)
	w.reduces(1)
	reach(controlv1.JobStatus_PHASE_COMMITTING)
	declaring.lift()
	reach(controlv1.JobStatus_PHASE_DONE)
	if m, more := <-messages; more {
		t.Errorf("after the end comes %v", m)
	}
	for _, k := range []string{"admitted", "attempt-started", "attempt-done", "stage-done", "job-committing"} {
		if !kinds[k] {
			t.Errorf("no event of the kind %s among %v", k, kinds)
		}
	}
}

// TestLogs: what attempts left is found by job, task and attempt.
func TestLogs(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	id := s.submit(c, c.job(1, 1))
	for attempt, text := range []string{"first", "second"} {
		if _, err := c.store.PutIf(c.ctx, ledger.LogKey(id, 0, ledger.Map, 0, int32(attempt)), []byte(text), ""); err != nil {
			t.Fatal(err)
		}
	}
	read := func(task string) (string, error) {
		stream, err := s.ControlServiceClient.Logs(c.ctx, &controlv1.LogsRequest{Job: id, Task: task})
		if err != nil {
			return "", err
		}
		var out []string
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return strings.Join(out, " "), nil
			}
			if err != nil {
				return "", errs.FromStatus(err)
			}
			out = append(out, m.Task+"="+string(m.Text))
		}
	}
	for task, want := range map[string]string{
		"": "map/0.0=first map/0.1=second", "map/0": "map/0.0=first map/0.1=second", "map/0.1": "map/0.1=second", "reduce/0": "",
	} {
		if got, err := read(task); err != nil || got != want {
			t.Errorf("logs of %q: %q, %v", task, got, err)
		}
	}
	if _, err := read("nonsense"); !errs.Is(err, errs.Invalid) {
		t.Errorf("logs of nonsense: %v", err)
	}
}

// TestList: pages from the newest to the oldest; live jobs are found however many have ended since.
func TestList(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	live := s.submit(c, c.job(1, 1))
	want := []string{live}
	bad := c.job(1, 1)
	bad.Inputs, bad.Output = []string{"/there/is/nothing"}, ""
	for range 6 {
		id := s.submit(c, bad)
		s.end(c, id)
		want = append(want, id)
	}
	slices.Reverse(want)
	var got []string
	after := ""
	for {
		r, err := s.ControlServiceClient.List(c.ctx, &controlv1.ListRequest{Limit: 3, After: after})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Jobs) == 0 {
			break
		}
		for _, j := range r.Jobs {
			got = append(got, j.Id)
		}
		after = got[len(got)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	r, err := s.ControlServiceClient.List(c.ctx, &controlv1.ListRequest{Limit: 2, LiveOnly: true})
	if err != nil || len(r.Jobs) != 1 || r.Jobs[0].Id != live {
		t.Errorf("live jobs: %v, %v", r, err)
	}
	if r, err = s.ControlServiceClient.List(c.ctx, &controlv1.ListRequest{LiveOnly: true, After: live}); err != nil || len(r.Jobs) != 0 {
		t.Errorf("live jobs after the last: %v, %v", r, err)
	}
}

// TestGet: by id, by the start of one, and what there is not.
func TestGet(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	id := s.submit(c, c.job(2, 3))
	c.until("the job to run", func() bool { return s.status(c, id).Phase == controlv1.JobStatus_PHASE_RUNNING })
	st := s.status(c, id[:len(id)-1])
	if st.Id != id || st.Stages[0].Tasks != 2 || st.Stages[1].Tasks != 3 || st.Stages[0].Waiting != 2 {
		t.Errorf("status %v", st)
	}
	for name, kind := range map[string]errs.Kind{ledger.NewJobID(): errs.NotFound, "ffff": errs.NotFound, "": errs.NotFound} {
		if _, err := s.ControlServiceClient.Get(c.ctx, &controlv1.GetRequest{Job: name}); !errs.Is(errs.FromStatus(err), kind) {
			t.Errorf("%q: %v, want %v", name, err, kind)
		}
	}
	if _, err := s.Submit(c.ctx, &controlv1.SubmitRequest{Spec: []byte("{")}); !errs.Is(errs.FromStatus(err), errs.Invalid) {
		t.Errorf("a spec that is none: %v", err)
	}
	if _, err := s.Submit(c.ctx, &controlv1.SubmitRequest{Spec: []byte("{}")}); !errs.Is(errs.FromStatus(err), errs.Invalid) {
		t.Errorf("a spec of nothing: %v", err)
	}
	l, err := s.ControlServiceClient.Leader(c.ctx, &controlv1.LeaderRequest{})
	if err != nil || l.Addr != s.Addr() || l.Epoch == 0 {
		t.Errorf("leader %v, %v", l, err)
	}
}

// TestEndedJobsAreForgotten: a leader keeps a bounded number of ended jobs in memory; all are found in the store.
func TestEndedJobsAreForgotten(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	bad := c.job(1, 1)
	bad.Inputs, bad.Output = []string{"/there/is/nothing"}, ""
	var ids []string
	for range keptJobs + 3 {
		ids = append(ids, s.submit(c, bad))
	}
	for _, id := range ids {
		if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_FAILED {
			t.Fatalf("the job ended as %v", st)
		}
	}
	l := s.leader.Load()
	c.until("jobs to be forgotten", func() bool {
		var kept, over int
		if err := l.ask(c.ctx, func() { kept, over = len(l.jobs), len(l.over) }); err != nil {
			t.Fatal(err)
		}
		return kept == keptJobs && over == keptJobs
	})
	r, err := s.ControlServiceClient.List(c.ctx, &controlv1.ListRequest{})
	if err != nil || len(r.Jobs) != len(ids) {
		t.Errorf("%d jobs are listed, %v", len(r.GetJobs()), err)
	}
}

// TestSlowLoading: what workers brought along of a job that is long in loading may be given up, but not the job.
func TestSlowLoading(t *testing.T) {
	c := newCluster(t)
	first := c.lead()
	w := c.worker(first, "w", 1)
	id := first.submit(c, c.job(1, 1))
	o := w.next("map/0")
	first.stop()
	loading := c.store.hold("get", id+"/plan/head")
	defer loading.lift()
	second := c.lead(func(cfg *Config) { cfg.Sched = sched.Config{StrayAfter: 1} })
	await(c, "the job to be loaded", loading.reached)
	reg := register("w", 1)
	reg.Epoch, reg.Running = w.epoch, append(reg.Running, o.Id)
	w = c.join(second, reg)
	if got := await(c, "the release", w.releases); got != id {
		t.Errorf("told to forget %s", got)
	}
	loading.lift()
	w.maps(1)
	w.reduces(1)
	if st := second.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the job ended as %v", st)
	}
}
