package coordinator

import (
	"strings"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/output"
)

// TestJob: from submission to _SUCCESS, with two workers.
func TestJob(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w1, w2 := c.worker(s, "w1", 2), c.worker(s, "w2", 1)
	id := s.submit(c, c.job(3, 2))
	w1.maps(2)
	w2.maps(1)
	r1 := w1.next("reduce/")
	for _, src := range r1.Sources {
		if src.Addr != src.Worker+":1" {
			t.Errorf("runs of worker %s are said to be at %q", src.Worker, src.Addr)
		}
	}
	if len(r1.Sources) != 2 || r1.Maps != 3 {
		t.Errorf("the reduce is sent to %d workers for %d maps, want 2 and 3", len(r1.Sources), r1.Maps)
	}
	if got := c.visible(); got != output.ClaimKey {
		t.Errorf("before the commit the output shows %q", got)
	}
	w1.reduce(r1)
	select {
	case o := <-w1.starts:
		w1.reduce(o)
	case o := <-w2.starts:
		w2.reduce(o)
	case <-c.ctx.Done():
		t.Fatal("no second reduce")
	}
	st := s.end(c, id)
	if st.Phase != controlv1.JobStatus_PHASE_DONE || st.Error != "" || len(st.Parts) != 2 {
		t.Errorf("the job ended as %v", st)
	}
	if got, want := c.visible(), "_SUCCESS _mrctl part-00000.tsv part-00001.tsv"; got != want {
		t.Errorf("the output shows %q, want %q", got, want)
	}
	for name, want := range map[string]int64{"map.records_in": 3, "map.pairs_out": 24, "user.lines": 3, "reduce.rows_out": 2} {
		if got := st.Counters[name]; got != want {
			t.Errorf("counter %s is %d, want %d", name, got, want)
		}
	}
	m, err := output.ReadManifest(c.ctx, c.out)
	if err != nil || m.Job != id || len(m.Parts) != 2 {
		t.Errorf("manifest %+v, %v", m, err)
	}
	for _, w := range []*worker{w1, w2} {
		if got := await(c, "the release", w.releases); got != id {
			t.Errorf("worker %s was told to forget job %s", w.id, got)
		}
	}
	if rec := c.record(id); rec.Phase != ledger.Done || len(rec.Holders) == 0 || rec.Ended.IsZero() {
		t.Errorf("the record says %+v", rec)
	}
	if _, err := ledger.ReadInbox(c.ctx, c.store, id); !errs.Is(err, errs.NotFound) {
		t.Errorf("the inbox still has the job: %v", err)
	}
	if _, _, err := c.store.Get(c.ctx, ledger.HistoryKey(id)); err != nil {
		t.Errorf("no history: %v", err)
	}
}

// TestFirstCause: a job that fails names the attempt, its kind and its text, and gives up what it staged.
func TestFirstCause(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 2)
	j := c.job(1, 2)
	j.MaxAttempts = 2
	id := s.submit(c, j)
	w.maps(1)
	good, bad := w.next("reduce/"), w.next("reduce/")
	staged := w.record(good)
	w.report(&sessionv1.Report{Id: good.Id, Outcome: sessionv1.Report_OUTCOME_DONE})
	w.report(failed(bad.Id, errs.UserCode, "boom 1"))
	again := w.next(taskName(attemptOf(bad.Id).TaskID))
	w.report(failed(again.Id, errs.UserCode, "boom 2"))
	st := s.end(c, id)
	if st.Phase != controlv1.JobStatus_PHASE_FAILED || errs.Kind(st.ErrorKind) != errs.UserCode || !strings.Contains(st.Error, "boom 2") {
		t.Errorf("the job ended as %v", st)
	}
	rec := c.record(id)
	if rec.Cause != label(again.Id) || rec.AttemptsFailed != 2 {
		t.Errorf("the record names %q and %d failures, want %q and 2", rec.Cause, rec.AttemptsFailed, label(again.Id))
	}
	await(c, "the release", w.releases) // what was staged is given up before
	if got := c.visible(); got != output.ClaimKey {
		t.Errorf("the output shows %q", got)
	}
	if _, err := c.out.Publish(c.ctx, staged.Part.Token); err == nil {
		t.Error("what was staged is still there")
	}
	// The output is free for the next job.
	id = s.submit(c, c.job(1, 1))
	w.maps(1)
	w.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Errorf("the next job ended as %v", st)
	}
}

// TestDoneWithoutARecord: what a reduce says counts only if its record is there.
func TestDoneWithoutARecord(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	j := c.job(1, 1)
	j.MaxAttempts = 1
	id := s.submit(c, j)
	w.maps(1)
	w.report(&sessionv1.Report{Id: w.next("reduce/0").Id, Outcome: sessionv1.Report_OUTCOME_DONE})
	if st := s.end(c, id); errs.Kind(st.ErrorKind) != errs.Corrupt || !strings.Contains(st.Error, "no record") {
		t.Errorf("the job ended as %v", st)
	}
}

// TestTooManyBadRecords: the limit holds for the job, not only for each task.
func TestTooManyBadRecords(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	j := c.job(3, 1)
	j.MaxBadRecords = 1
	id := s.submit(c, j)
	for range 2 {
		r := mapped(w.next("map/").Id)
		r.Tally.BadRecords = 1
		r.Tally.BadSamples = []*sessionv1.BadSample{{Object: "/in", Offset: 32, Error: "no number"}}
		w.report(r)
	}
	st := s.end(c, id)
	if errs.Kind(st.ErrorKind) != errs.Invalid || !strings.Contains(st.Error, "/in at byte 32: no number") {
		t.Errorf("the job ended as %v", st)
	}
}

// TestWrongJobs: what is wrong with a job ends it before any work starts, with a kind and a reason.
func TestWrongJobs(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)

	missing := c.job(1, 1)
	missing.Inputs = []string{"/there/is/no/such/input"}
	format := c.job(1, 1)
	format.InputFormat = "records:none"
	stage := c.job(1, 1)
	stage.Stage = []byte{0xff}
	for _, x := range []struct {
		job  spec.Job
		kind errs.Kind
		text string
	}{
		{missing, errs.NotFound, "/there/is/no/such/input"},
		{format, errs.Invalid, "records:none"},
		{stage, errs.Invalid, "stage"},
	} {
		st := s.end(c, s.submit(c, x.job))
		if st.Phase != controlv1.JobStatus_PHASE_FAILED || errs.Kind(st.ErrorKind) != x.kind || !strings.Contains(st.Error, x.text) {
			t.Errorf("%s: ended as %v, %v: %s", x.text, st.Phase, errs.Kind(st.ErrorKind), st.Error)
		}
	}
	if _, err := c.out.Store.PutIf(c.ctx, "old-result", []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	if st := s.end(c, s.submit(c, c.job(1, 1))); errs.Kind(st.ErrorKind) != errs.Invalid || !strings.Contains(st.Error, "old-result") {
		t.Errorf("full output: ended as %v", st)
	}
	if len(w.starts) > 0 {
		t.Error("work was started")
	}
}

// TestOutputIsOneJobs: two jobs cannot write to one output.
func TestOutputIsOneJobs(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	first := s.submit(c, c.job(1, 1))
	c.until("the first job to run", func() bool { return s.status(c, first).Phase == controlv1.JobStatus_PHASE_RUNNING })
	if st := s.end(c, s.submit(c, c.job(1, 1))); errs.Kind(st.ErrorKind) != errs.Conflict || !strings.Contains(st.Error, first) {
		t.Errorf("the second job ended as %v", st)
	}
}

// TestRequestID: the same request is one job, before it has ended and after; another job under its name is refused.
func TestRequestID(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	j := c.job(1, 1)
	j.RequestID = "nightly"
	id := s.submit(c, j)
	if again := s.submit(c, j); again != id {
		t.Errorf("the same request gave %s and %s", id, again)
	}
	w.maps(1)
	w.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Fatal(st)
	}
	if again := s.submit(c, j); again != id {
		t.Errorf("after its end the same request gave %s, was %s", again, id)
	}
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || len(w.starts) > 0 {
		t.Errorf("it was run again: %v", st)
	}
	j.Partitions = 7
	if err := ledger.SubmitInbox(c.ctx, c.store, ledger.JobIDFor(j), j); !errs.Is(err, errs.Conflict) {
		t.Errorf("another job under the same request: %v", err)
	}
}

// TestKindsReachTheClient: whatever kind of failure a worker reports is the kind of the job's end, in the record and in the
// status, and the text names the first cause.
func TestKindsReachTheClient(t *testing.T) {
	for _, kind := range []errs.Kind{errs.Other, errs.Invalid, errs.NotFound, errs.Conflict, errs.UserCode, errs.Corrupt} {
		t.Run(kind.String(), func(t *testing.T) {
			c := newCluster(t)
			s := c.lead()
			w := c.worker(s, "w", 1)
			j := c.job(1, 1)
			j.MaxAttempts = 1
			id := s.submit(c, j)
			w.report(failed(w.next("map/").Id, kind, "the first cause"))
			st := s.end(c, id)
			rec := c.record(id)
			if errs.Kind(st.ErrorKind) != kind || rec.ErrorKind != kind {
				t.Errorf("it ended as %v, recorded as %v", errs.Kind(st.ErrorKind), rec.ErrorKind)
			}
			if !strings.Contains(st.Error, "the first cause") || rec.Error != st.Error {
				t.Errorf("it says %q, recorded is %q", st.Error, rec.Error)
			}
		})
	}
}
