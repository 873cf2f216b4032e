package coordinator

import (
	"encoding/json"
	"errors"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
)

// TestSubmissionBeforeALeader: the inbox takes jobs when nobody leads; who leads next does them.
func TestSubmissionBeforeALeader(t *testing.T) {
	c := newCluster(t)
	j := c.job(1, 1)
	id := ledger.JobIDFor(j)
	if err := ledger.SubmitInbox(c.ctx, c.store, id, j); err != nil {
		t.Fatal(err)
	}
	s := c.lead()
	w := c.worker(s, "w", 1)
	w.maps(1)
	w.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the job ended as %v", st)
	}
}

// halfDone is a job in the middle: its three maps and one of its two reduces are done, the other runs.
type halfDone struct {
	id      string
	held    []*sessionv1.Held
	running *sessionv1.Start
}

// half brings a job so far that one of its two reduces is done and the other runs on w.
func (c *cluster) half(s *coord, w *worker) halfDone {
	c.t.Helper()
	h := halfDone{id: s.submit(c, c.job(3, 2))}
	for range 3 {
		o := w.next("map/")
		w.report(mapped(o.Id))
		h.held = append(h.held, held(o.Id))
	}
	w.reduces(1)
	h.running = w.next("reduce/")
	c.until("all that to be known", func() bool {
		st := s.status(c, h.id)
		return st.Stages[0].Done == 3 && st.Stages[1].Done == 1 && len(c.record(h.id).Holders) == 1
	})
	return h
}

// returning is how the worker registers with the next leader.
func (h halfDone) returning(w *worker) *sessionv1.Register {
	reg := register(w.id, 1)
	reg.Epoch, reg.Held, reg.Running = w.epoch, h.held, []*sessionv1.AttemptID{h.running.Id}
	return reg
}

// finish lets the attempt that both leaders knew come to its end, and looks at the job's.
func (h halfDone) finish(c *cluster, s *coord, w *worker) {
	c.t.Helper()
	// Not before: a record that is there when the leader looks is one it keeps.
	c.until("the attempt to be adopted", func() bool {
		st := s.status(c, h.id)
		return len(st.Stages) == 2 && st.Stages[1].Running == 1
	})
	w.reduce(h.running)
	st := s.end(c, h.id)
	if st.Phase != controlv1.JobStatus_PHASE_DONE || st.TasksKept != 4 || st.AttemptsFailed != 0 || st.AttemptsLost != 0 {
		c.t.Errorf("the job ended as %v", st)
	}
	if len(w.starts) > 0 {
		c.t.Errorf("%s was started again", label((<-w.starts).Id))
	}
	if got, want := c.visible(), "_SUCCESS _mrctl part-00000.tsv part-00001.tsv"; got != want {
		c.t.Errorf("the output shows %q, want %q", got, want)
	}
	if got := st.Counters["map.records_in"]; got != 3 {
		c.t.Errorf("counted %d records, want 3", got)
	}
	if rec := c.record(h.id); rec.Claims != 2 {
		c.t.Errorf("%d leaders have claimed the job, want 2", rec.Claims)
	}
}

// TestNextLeader: the second leader keeps what was finished, adopts what runs, and starts nothing again.
func TestNextLeader(t *testing.T) {
	c := newCluster(t)
	first := c.lead()
	second := c.start()
	w := c.worker(first, "w", 1)
	h := c.half(first, w)
	first.stop()
	await(c, "the end of the session", w.ended)
	c.until("the second leader", second.Leads)
	w2 := c.join(second, h.returning(w))
	if w2.epoch <= w.epoch {
		t.Errorf("epoch %d after %d", w2.epoch, w.epoch)
	}
	h.finish(c, second, w2)
}

// TestLeaseTakenAway: a leader that finds another in its place steps down at once and is fenced from the job.
func TestLeaseTakenAway(t *testing.T) {
	c := newCluster(t)
	first := c.lead()
	second := c.start(func(cfg *Config) { cfg.Lease.Holder = "second" })
	w := c.worker(first, "w", 1)
	h := c.half(first, w)
	for {
		body, info, err := c.store.Get(c.ctx, ledger.LeaseKey)
		if err != nil {
			t.Fatal(err)
		}
		var l ledger.Lease
		if err := json.Unmarshal(body, &l); err != nil {
			t.Fatal(err)
		}
		l.Epoch, l.Holder, l.Addr, l.Nonce = l.Epoch+1, "second", second.Addr(), ledger.NewNonce()
		if _, err := c.store.PutIf(c.ctx, ledger.LeaseKey, l.Encode(), info.Version); err == nil {
			break // else it was just renewed
		}
	}
	if err := await(c, "the end of the session", w.ended); !errs.Is(err, errs.Unavailable) {
		t.Errorf("the session ended with %v", err)
	}
	c.until("the second leader", second.Leads)
	c.until("the first to have stepped down", func() bool { return !first.Leads() })
	h.finish(c, second, c.join(second, h.returning(w)))
}

// TestTakeOverWhileCommitting: who leads next commits from the records alone, without any worker.
func TestTakeOverWhileCommitting(t *testing.T) {
	c := newCluster(t)
	first := c.lead()
	w := c.worker(first, "w", 1)
	id := first.submit(c, c.job(1, 2))
	declaring := c.out.hold("put", output.SuccessKey)
	w.maps(1)
	w.reduces(2)
	await(c, "the parts to be published", declaring.reached)
	first.stop()
	declaring.lift()
	second := c.lead()
	if st := second.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.TasksKept != 2 {
		t.Errorf("the job ended as %v", st)
	}
}

// TestCountersOutliveTheirLeader: a leader that cannot reach the store writes down nothing of what the maps counted, while
// the reduces finish all the same. The next one asks those who hold the maps' runs.
func TestCountersOutliveTheirLeader(t *testing.T) {
	c := newCluster(t)
	first := c.lead()
	w := c.worker(first, "w", 1)
	id := first.submit(c, c.job(2, 1))
	var h []*sessionv1.Held
	o := w.next("map/")
	w.report(mapped(o.Id))
	h = append(h, held(o.Id))
	c.until("the holder to be known", func() bool { return len(c.record(id).Holders) == 1 })
	away := c.store.fail("put", ledger.JobKey(id), errs.New(errs.Unavailable, "away"))
	o = w.next("map/")
	w.report(mapped(o.Id))
	h = append(h, held(o.Id))
	w.reduces(1)
	first.stop()
	if n := len(c.record(id).Counters); n != 0 {
		t.Fatalf("%d counters were recorded, so this proves nothing", n)
	}
	away.lift()

	second := c.lead()
	reg := register("w", 1)
	reg.Epoch, reg.Held = w.epoch, h
	c.join(second, reg)
	st := second.end(c, id)
	if st.Phase != controlv1.JobStatus_PHASE_DONE || st.Counters["map.records_in"] != 2 || st.AttemptsLost != 0 {
		t.Errorf("the job ended as %v", st)
	}
}

// TestTakeOverOfSeveralJobs: a worker that runs attempts of two jobs keeps both, whichever is loaded first, and one whose
// report comes before its job is loaded repeats it until it is heard.
func TestTakeOverOfSeveralJobs(t *testing.T) {
	c := newCluster(t)
	first := c.lead()
	w := c.worker(first, "w", 2)
	one, two := c.job(1, 1), c.job(1, 1)
	one.Output, two.Output = "", "" // beside their records
	ids := []string{first.submit(c, one), first.submit(c, two)}
	running := map[string]*sessionv1.AttemptID{}
	for range ids {
		o := w.next("map/0")
		running[o.Id.Job] = o.Id
	}
	first.stop()

	loading := c.store.hold("get", ids[1]+"/plan/head")
	defer loading.lift()
	second := c.lead()
	await(c, "the second job to be loaded", loading.reached)
	c.until("the first job to be admitted", func() bool { m, err := second.events(c, ids[0]); return err == nil && m["admitted"] > 0 })
	reg := register("w", 2)
	reg.Epoch, reg.Running = w.epoch, []*sessionv1.AttemptID{running[ids[0]], running[ids[1]]}
	w = c.join(second, reg)
	early := mapped(running[ids[1]])
	w.report(early)
	r, err := second.ControlServiceClient.Workers(c.ctx, &controlv1.WorkersRequest{})
	if err != nil || len(r.Workers) != 1 || r.Workers[0].Busy != 2 {
		t.Errorf("workers: %v, %v", r, err)
	}
	if len(w.acks) > 0 {
		t.Error("a report was acknowledged that nobody could have understood")
	}
	loading.lift()
	c.until("the second job to be admitted", func() bool { m, err := second.events(c, ids[1]); return err == nil && m["admitted"] > 0 })
	for i, id := range ids {
		// The early report may be slow on its way, and come when it is understood.
		if st := second.status(c, id); st.AttemptsLost != 0 || st.Stages[0].Running+st.Stages[0].Done != 1 {
			t.Errorf("job %d: %v", i, st)
		}
	}
	w.report(early)
	w.acked(early.Id)
	w.report(mapped(running[ids[0]]))
	for range ids {
		o := w.next("reduce/0")
		w.recordIn(o, c.outputOf(o.Id.Job))
		w.report(&sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_DONE})
	}
	for _, id := range ids {
		if st := second.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsLost != 0 {
			t.Errorf("the job ended as %v", st)
		}
	}
}

// TestCancelWhileLoaded: a job whose records cannot be read for now can be cancelled all the same.
func TestCancelWhileLoaded(t *testing.T) {
	c := newCluster(t)
	first := c.lead()
	w := c.worker(first, "w", 1)
	id := first.submit(c, c.job(1, 1))
	w.next("map/0")
	first.stop()
	away := c.store.fail("get", "/plan/head", errs.New(errs.Unavailable, "away"))
	defer away.lift()
	second := c.lead()
	await(c, "the job to be loaded", away.reached)
	isCancelled(t, await(c, "the answer", second.cancel(c, id)))
}

// TestUnreadableRecords: a job that nobody can read keeps neither a leader from leading nor other jobs from being done.
func TestUnreadableRecords(t *testing.T) {
	c := newCluster(t)
	spoilt, newer := ledger.NewJobID(), ledger.NewJobID()
	for key, body := range map[string]string{
		ledger.InboxKey(spoilt): "{}", ledger.JobKey(spoilt): "spoilt",
		ledger.InboxKey(newer): `{"v":99}`,
	} {
		if _, err := c.store.PutIf(c.ctx, key, []byte(body), ""); err != nil {
			t.Fatal(err)
		}
	}
	s := c.lead()
	w := c.worker(s, "w", 1)
	id := s.submit(c, c.job(1, 1))
	w.maps(1)
	w.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the job ended as %v", st)
	}
}

// TestStoreIsProbed: a store that does not keep the contract is refused before anybody leads on it.
func TestStoreIsProbed(t *testing.T) {
	c := newCluster(t)
	broken := errors.New("no such bucket")
	rule := c.store.fail("put", "", broken)
	defer rule.lift()
	lis := listen(t)
	s, err := New(Config{Store: c.store, Resolver: c, Listener: lis})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(c.ctx); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
	if _, err := lis.Accept(); err == nil {
		t.Error("the listener is still open")
	}
	if _, err := New(Config{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("New of nothing: %v", err)
	}
}

// TestStoreIsAwayAtTheStart: a coordinator that is started while the store cannot be reached leads when it can.
func TestStoreIsAwayAtTheStart(t *testing.T) {
	c := newCluster(t)
	away := c.store.fail("put", "probe/", errs.New(errs.Unavailable, "away"))
	s := c.start(func(cfg *Config) { cfg.SkipProbe = false })
	await(c, "the store to be asked", away.reached)
	away.lift()
	c.until("a leader", s.Leads)
}
