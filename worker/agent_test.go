package worker

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/worker/pluginhost"
	"github.com/mrctl/mrctl/worker/shuffle"
)

const calm = time.Minute // a heartbeat that no test waits for

// reduceOf orders a reduce over the maps whose reports are given, all held by one worker.
func reduceOf(a *running, id *sessionv1.AttemptID, maps ...*sessionv1.Report) *sessionv1.Start {
	src := &sessionv1.Source{Worker: a.ID(), Addr: a.cfg.Advertise}
	for _, r := range maps {
		src.Tasks, src.Attempts, src.Digests = append(src.Tasks, r.Id.Task), append(src.Attempts, r.Id.Attempt), append(src.Digests, r.Digest)
	}
	return &sessionv1.Start{Id: id, Sources: []*sessionv1.Source{src}, Maps: uint32(len(maps))}
}

// TestJob: maps, reduces over their runs, records in the ledger, and nothing left of it after the release.
func TestJob(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	if r := s.register; r.Worker != a.ID() || r.Slots != 2 || r.ShuffleAddr != a.cfg.Advertise || r.Epoch != 0 {
		t.Errorf("it registers as %v", r)
	}
	id := w.job(nil, "to be or\n", "not to be\n")
	var maps []*sessionv1.Report
	var process *pluginhost.Process
	for task := range uint32(2) {
		s.start(&sessionv1.Start{Id: mapID(id, task, 0)})
		r := s.report(mapID(id, task, 0))
		if r.Outcome != sessionv1.Report_OUTCOME_DONE || len(r.Digest) != 16 || r.Tally.GetRecordsIn() != 1 {
			t.Fatalf("map %d: %v", task, r)
		}
		s.ack(r.Id)
		maps = append(maps, r)
		if running := a.process(id); process == nil {
			process = running
		} else if running != process {
			t.Error("the second task has a plugin process of its own")
		}
	}
	var text string
	for task := range uint32(2) {
		o := reduceOf(a, reduceID(id, task, 7), maps...)
		s.start(o)
		if r := s.report(o.Id); r.Outcome != sessionv1.Report_OUTCOME_DONE || r.LostRace {
			t.Fatalf("reduce %d: %v", task, r)
		}
		s.ack(o.Id)
		rec, err := ledger.ReadTask(w.ctx, w.store, id, 0, ledger.Reduce, 0, int(task))
		if err != nil || rec.Attempt != 7 || rec.Worker != a.ID() || rec.Inputs[1].Digest != hex.EncodeToString(maps[1].Digest) {
			t.Fatalf("record %+v, %v", rec, err)
		}
		if _, err := w.out.Publish(w.ctx, rec.Part.Token); err != nil {
			t.Fatal(err)
		}
		body, _, err := w.out.Get(w.ctx, rec.Part.Key)
		if err != nil {
			t.Fatal(err)
		}
		text += string(body)
		// Another attempt of the task learns that it came too late, and is done all the same.
		late := reduceOf(a, reduceID(id, task, 8), maps...)
		s.start(late)
		if r := s.report(late.Id); r.Outcome != sessionv1.Report_OUTCOME_DONE || !r.LostRace {
			t.Errorf("the late attempt: %v", r)
		}
		s.ack(late.Id)
	}
	for _, row := range []string{"be\t2\n", "not\t1\n", "or\t1\n", "to\t2\n"} {
		if !strings.Contains(text, row) {
			t.Errorf("the output %q lacks %q", text, row)
		}
	}
	if plugins(t, a.cfg.Scratch) != 1 {
		t.Errorf("%d plugins run", plugins(t, a.cfg.Scratch))
	}
	s.release(id)
	w.until("plugin and scratch of the job to be gone", func() bool {
		_, err := os.Stat(filepath.Join(a.cfg.Scratch, "jobs", id))
		return os.IsNotExist(err) && plugins(t, a.cfg.Scratch) == 0
	})
}

// TestReportsAreRepeated: within a session now and then, and in the next at once, until they are acknowledged.
func TestReportsAreRepeated(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	l := w.leader(3, 20*time.Millisecond)
	s := await(w, "a session", l.sessions)
	id := w.job(nil, "a\n")
	m := mapID(id, 0, 0)
	s.start(&sessionv1.Start{Id: m})
	first := s.report(m)
	s.report(m)
	s.breaks()

	s = await(w, "the next session", l.sessions)
	if r := s.register; r.Epoch != 3 || len(r.Running) != 0 || len(r.Held) != 1 || name(r.Held[0].Id) != name(m) || string(r.Held[0].Digest) != string(first.Digest) {
		t.Errorf("it registers as %v", r)
	}
	s.report(m)
	s.ack(m)
	o := reduceOf(a, reduceID(id, 0, 0), first)
	s.start(o)
	for r := (*sessionv1.Report)(nil); r.GetId().GetPhase() != sessionv1.AttemptID_PHASE_REDUCE; {
		r = await(w, "the report of the reduce", s.reports) // one of the map may be on its way
	}
	s.breaks()

	s = await(w, "the third session", l.sessions)
	if r := s.register; len(r.Running) != 1 || name(r.Running[0]) != name(o.Id) || len(r.Held) != 1 {
		t.Errorf("it registers as %v", r)
	}
	s.report(o.Id)
	s.ack(o.Id)
	a.until(w, "nothing to be left to tell", func() bool { return len(a.reports) == 0 })
	s.breaks()

	s = await(w, "the fourth session", l.sessions)
	if r := s.register; len(r.Running) != 0 || len(r.Held) != 1 {
		t.Errorf("it registers as %v", r)
	}
}

// until waits for a condition on what mu guards.
func (a *running) until(w *world, what string, ok func() bool) {
	w.t.Helper()
	w.until(what, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return ok()
	})
}

// TestLowerEpochs: who has obeyed a leader obeys no earlier one, neither a session of it nor a single order.
func TestLowerEpochs(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	five := w.leader(5, calm)
	s := await(w, "a session", five.sessions)
	id := w.job(nil, "a\n")
	s.epoch = 4
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	await(w, "the end of the session", s.ended)
	w.leader(4, calm)
	four := w.leader(4, calm) // the lease names the last
	s = await(w, "a session with the earlier leader", four.sessions)
	if s.register.Epoch != 5 {
		t.Errorf("it says that it has obeyed %d", s.register.Epoch)
	}
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	await(w, "the end of the session", s.ended)
	a.until(w, "no attempt", func() bool { return len(a.attempts) == 0 && len(a.reports) == 0 && a.epoch == 5 })
	six := w.leader(6, calm)
	s = await(w, "a session with the later leader", six.sessions)
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	s.report(mapID(id, 0, 0))
}

// TestWithoutALeader: an attempt goes on when its leader goes, is told to the next as running, or, if it has ended
// meanwhile, as held. The next leader is found though the agent was started with the address of the first.
func TestWithoutALeader(t *testing.T) {
	w := newWorld(t)
	first := w.leader(1, calm)
	a := w.agent(func(c *Config) { c.Leader = first.addr })
	s := await(w, "a session", first.sessions)
	id := w.job(nil, "a\n", "b\n")
	release := w.files.hold()
	defer release()
	for task := range uint32(2) {
		s.start(&sessionv1.Start{Id: mapID(id, task, 0)})
	}
	await(w, "the first map to read", w.files.opened)
	await(w, "the second map to read", w.files.opened)
	first.stop()
	second := w.leader(2, calm)
	s = await(w, "a session with the second leader", second.sessions)
	if r := s.register; len(r.Running) != 2 || len(r.Held) != 0 || r.Epoch != 1 {
		t.Errorf("it registers as %v", r)
	}
	a.until(w, "the second leader to be obeyed", func() bool { return a.epoch == 2 })
	second.stop()
	release()
	a.until(w, "both to end", func() bool { return len(a.held) == 2 && len(a.attempts) == 0 })
	s = await(w, "a session with the third leader", w.leader(3, calm).sessions)
	if r := s.register; len(r.Running) != 0 || len(r.Held) != 2 || r.Epoch != 2 {
		t.Errorf("it registers as %v", r)
	}
	for range 2 {
		if r := await(w, "the reports", s.reports); r.Outcome != sessionv1.Report_OUTCOME_DONE {
			t.Errorf("%v", r)
		}
	}
}

// TestStop: an attempt that is told to stop says so; one that is not here is reported as stopped.
func TestStop(t *testing.T) {
	w := newWorld(t)
	w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	id := w.job([]string{"-how", "hang"}, "BOOM\n")
	release := w.files.hold()
	release()
	m := mapID(id, 0, 0)
	s.start(&sessionv1.Start{Id: m})
	s.start(&sessionv1.Start{Id: m}) // a leader may repeat itself
	await(w, "the map to read", w.files.opened)
	s.stopAttempt(m)
	if r := s.report(m); r.Outcome != sessionv1.Report_OUTCOME_STOPPED {
		t.Errorf("%v", r)
	}
	for _, unknown := range []*sessionv1.AttemptID{mapID(id, 9, 9), reduceID(ledger.NewJobID(), 0, 0)} {
		s.stopAttempt(unknown)
		if r := s.report(unknown); r.Outcome != sessionv1.Report_OUTCOME_STOPPED {
			t.Errorf("%v", r)
		}
	}
	if len(s.reports) > 0 {
		t.Errorf("one report too many: %v", <-s.reports)
	}
}

// TestReleaseWhileRunning: a release ends attempts, and what they still do leaves nothing behind: no report, no run.
func TestReleaseWhileRunning(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	l := w.leader(1, calm)
	s := await(w, "a session", l.sessions)
	id := w.job(nil, "a\n", "b\n")
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	s.report(mapID(id, 0, 0))
	<-w.files.opened
	release := w.files.hold()
	defer release()
	s.start(&sessionv1.Start{Id: mapID(id, 1, 0)})
	await(w, "the map to read", w.files.opened)
	s.release(id)
	a.until(w, "all to be forgotten", func() bool {
		return len(a.attempts)+len(a.reports)+len(a.held)+len(a.jobs) == 0
	})
	w.until("its scratch to be gone", func() bool {
		_, err := os.Stat(filepath.Join(a.cfg.Scratch, "jobs", id))
		return os.IsNotExist(err)
	})
	s.breaks()
	s = await(w, "the next session", l.sessions)
	if r := s.register; len(r.Running)+len(r.Held) != 0 {
		t.Errorf("it registers as %v", r)
	}
	if len(s.reports) > 0 {
		t.Errorf("it reports %v", <-s.reports)
	}
}

// TestFailures: what goes wrong in a plugin is the job's, with the words of its author in the store.
func TestFailures(t *testing.T) {
	for how, want := range map[string]struct {
		kind errs.Kind
		text string
	}{
		"panic": {errs.UserCode, "told to panic"}, "exit": {errs.UserCode, "exited with status 7"},
		"error": {errs.UserCode, "told to fail"}, "bad": {errs.Invalid, "told to be bad"},
	} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			a := w.agent()
			s := await(w, "a session", w.leader(1, calm).sessions)
			id := w.job([]string{"-how", how}, "fine\nBOOM\n", "fine\n")
			m := mapID(id, 0, 3)
			s.start(&sessionv1.Start{Id: m})
			r := s.report(m)
			if r.Outcome != sessionv1.Report_OUTCOME_FAILED || errs.Kind(r.ErrorKind) != want.kind || !strings.Contains(r.Error, want.text) {
				t.Errorf("%v", r)
			}
			log, _, err := w.store.Get(w.ctx, ledger.LogKey(id, 0, ledger.Map, 0, 3))
			if err != nil || !strings.Contains(string(log), want.text) || !strings.Contains(string(log), a.ID()) {
				t.Errorf("log %q, %v", log, err)
			}
			// The next attempt gets a plugin that is alive.
			s.start(&sessionv1.Start{Id: mapID(id, 1, 0)})
			s.ack(m)
			if r := s.report(mapID(id, 1, 0)); r.Outcome != sessionv1.Report_OUTCOME_DONE {
				t.Errorf("the attempt after: %v", r)
			}
		})
	}
}

// TestMissing: what is not there is told for what it is.
func TestMissing(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	unknown := mapID(ledger.NewJobID(), 0, 0)
	s.start(&sessionv1.Start{Id: unknown})
	if r := s.report(unknown); r.Outcome != sessionv1.Report_OUTCOME_FAILED || errs.Kind(r.ErrorKind) != errs.NotFound {
		t.Errorf("a job that is not there: %v", r)
	}
	s.ack(unknown)
	id := w.job(nil, "a\n")
	gone := &sessionv1.Report{Id: mapID(id, 0, 5), Digest: make([]byte, 16)}
	o := reduceOf(a, reduceID(id, 0, 0), gone)
	s.start(o)
	r := s.report(o.Id)
	if r.Outcome != sessionv1.Report_OUTCOME_RUNS_GONE || len(r.Missing) != 1 || name(r.Missing[0]) != name(gone.Id) || r.Missing[0].Job != id {
		t.Errorf("a run that is not there: %v", r)
	}
}

// TestEnd: Run ends in the middle of everything, quickly, and leaves neither process nor scratch behind. Orders that come
// in while it ends are not obeyed.
func TestEnd(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	id := w.job([]string{"-how", "hang"}, "BOOM\n", "a\n", "b\n")
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	s.start(&sessionv1.Start{Id: mapID(id, 1, 0)})
	s.report(mapID(id, 1, 0))
	flood := make(chan struct{})
	go func() {
		defer close(flood)
		for n := range uint32(200) {
			s.start(&sessionv1.Start{Id: mapID(id, 2, n)})
			s.release(ledger.NewJobID())
		}
	}()
	a.stop()
	<-flood
	if n := plugins(t, a.cfg.Scratch); n != 0 {
		t.Errorf("%d plugins run", n)
	}
}

func TestClassify(t *testing.T) {
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	ending, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the worker stops"))
	for _, x := range []struct {
		ctx  context.Context
		err  error
		want sessionv1.Report_Outcome
	}{
		{t.Context(), errs.New(errs.UserCode, "x"), sessionv1.Report_OUTCOME_FAILED},
		{t.Context(), errs.New(errs.Invalid, "x"), sessionv1.Report_OUTCOME_FAILED},
		{t.Context(), errs.New(errs.Corrupt, "x"), sessionv1.Report_OUTCOME_FAILED},
		{t.Context(), errs.New(errs.NotFound, "x"), sessionv1.Report_OUTCOME_FAILED},
		{t.Context(), errors.New("x"), sessionv1.Report_OUTCOME_FAILED},
		{t.Context(), errs.New(errs.Unavailable, "x"), sessionv1.Report_OUTCOME_LOST},
		{t.Context(), errs.New(errs.Canceled, "x"), sessionv1.Report_OUTCOME_LOST},
		{t.Context(), context.DeadlineExceeded, sessionv1.Report_OUTCOME_LOST},
		{t.Context(), &shuffle.MissingError{}, sessionv1.Report_OUTCOME_RUNS_GONE},
		{stopped, &shuffle.MissingError{}, sessionv1.Report_OUTCOME_STOPPED},
		{stopped, errs.New(errs.UserCode, "x"), sessionv1.Report_OUTCOME_STOPPED},
		{ending, errs.New(errs.UserCode, "x"), sessionv1.Report_OUTCOME_LOST},
		{t.Context(), errs.E(errs.UserCode, "", "", errDiedInCompany), sessionv1.Report_OUTCOME_LOST},
	} {
		r := &sessionv1.Report{Id: mapID("j", 0, 0)}
		classify(x.ctx, r, x.err)
		if r.Outcome != x.want || r.Error != x.err.Error() || r.ErrorKind != uint32(errs.KindOf(x.err)) {
			t.Errorf("%v: %v, want %v", x.err, r, x.want)
		}
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("of nothing: %v", err)
	}
	w := newWorld(t)
	lis := listen(t)
	defer lis.Close()
	_, err := New(Config{Store: w.store, Resolver: w, Listener: lis, Scratch: w.dir, Slots: 9, Memory: 64 << 20})
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "9 slots") {
		t.Errorf("with too little memory: %v", err)
	}
}
