package coordinator

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/storage/s3"
)

// TestLostPart: a winner whose staged part is gone (an upload that was aborted or purged, a temporary file that was
// removed) is run again under a new generation, the others stay. A late repetition of the old report changes nothing.
func TestLostPart(t *testing.T) {
	t.Run("mem", func(t *testing.T) { lostPart(t, mem.New()) })
	t.Run("local", func(t *testing.T) {
		s, err := local.New(t.TempDir(), local.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		lostPart(t, s)
	})
	t.Run("s3", func(t *testing.T) {
		server := s3server.ForTest(t, s3server.VersityGW)
		s, err := s3.New(s3server.Bucket, "out", s3.Options{
			Endpoint: server.Endpoint, Credentials: s3.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey}})
		if err != nil {
			t.Fatal(err)
		}
		lostPart(t, s)
	})
}

func lostPart(t *testing.T, out storage.Store) {
	c := newCluster(t)
	c.out.Store = out
	s := c.lead()
	w := c.worker(s, "w", 2)
	id := s.submit(c, c.job(2, 2))
	publishing := c.out.hold("publish", "")
	defer publishing.lift()
	w.maps(2)
	first, second := w.next("reduce/"), w.next("reduce/")
	lost := w.record(first)
	old := &sessionv1.Report{Id: first.Id, Outcome: sessionv1.Report_OUTCOME_DONE}
	w.report(old)
	w.reduce(second)
	await(c, "the commit", publishing.reached)
	for _, p := range c.pending(lost.Part.Key) { // as one finds it who knows nothing of the job
		if err := out.Discard(c.ctx, p.Token); err != nil {
			t.Fatal(err)
		}
	}
	publishing.lift()
	again := w.next(taskName(attemptOf(first.Id).TaskID))
	if again.Id.Gen != 1 {
		t.Errorf("it runs again under generation %d", again.Id.Gen)
	}
	w.record(again)
	for range 2 { // the first of them may be acknowledged for the first time
		w.report(old)
		w.acked(old.Id)
	}
	w.report(&sessionv1.Report{Id: again.Id, Outcome: sessionv1.Report_OUTCOME_DONE})
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Gen != 1 {
		t.Fatalf("the job ended as %v", st)
	}
	m, err := output.ReadManifest(c.ctx, c.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Parts {
		body, _, err := c.out.Get(c.ctx, p.Key)
		want := "gen 0\n"
		if uint32(p.Task) == again.Id.Task {
			want = "gen 1\n"
		}
		if err != nil || string(body) != want {
			t.Errorf("part %s holds %q, want %q, %v", p.Key, body, want, err)
		}
	}
	if len(w.starts) > 0 {
		t.Error("more than the lost task was run again")
	}
}

// TestLostNamedPart: where a part of a named output is gone, its task is run again, which stages the part of the result a
// second time, although that is visible by then.
func TestLostNamedPart(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 2)
	job := c.job(1, 1)
	job.Stage = marshal(t, &pluginv1.Stage{Name: job.Name, HasMap: true, HasReduce: true, Outputs: []*pluginv1.Output{{Name: "aside"}}})
	id := s.submit(c, job)
	publishing := c.out.hold("publish", "")
	defer publishing.lift()
	w.maps(1)
	w.reduces(1)
	await(c, "the commit", publishing.reached)
	for _, p := range c.pending("aside/" + output.PartName(0, output.TSV)) {
		if err := c.out.Store.Discard(c.ctx, p.Token); err != nil {
			t.Fatal(err)
		}
	}
	publishing.lift()
	w.reduces(1)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Gen != 1 || st.Counters["output.aside.rows"] != 1 {
		t.Fatalf("the job ended as %v", st)
	}
	for key, want := range map[string]string{"part-00000.tsv": "any gen\n", "aside/part-00000.tsv": "gen 1\n"} {
		if body, _, err := c.out.Get(c.ctx, key); err != nil || string(body) != want {
			t.Errorf("part %s holds %q, want %q, %v", key, body, want, err)
		}
		if left := c.pending(key); len(left) > 0 {
			t.Errorf("%d staged parts of %s are left", len(left), key)
		}
	}
}

// TestStaleWinner: a report of the generation before, heard after the new winner's, does not bring its lost part back.
func TestStaleWinner(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 2)
	id := s.submit(c, c.job(1, 2))
	publishing := c.out.hold("publish", "")
	defer publishing.lift()
	w.maps(1)
	first, second := w.next("reduce/"), w.next("reduce/")
	lost := []ledger.TaskRecord{w.record(first), w.record(second)}
	for _, o := range []*sessionv1.Start{first, second} {
		w.report(&sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_DONE})
		w.acked(o.Id)
	}
	await(c, "the commit", publishing.reached)
	for _, tr := range lost {
		if err := c.out.Discard(c.ctx, tr.Part.Token); err != nil {
			t.Fatal(err)
		}
	}
	publishing.lift()
	one, two := w.next("reduce/"), w.next("reduce/")
	w.reduce(one)
	w.acked(one.Id)
	for _, o := range []*sessionv1.Start{first, second} {
		w.report(&sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_DONE})
		w.acked(o.Id)
	}
	w.reduce(two)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Gen != 1 {
		t.Errorf("the job ended as %v", st)
	}
}

// TestForeignPart: something else in the place of a part cannot be mended by trying again; the job fails and says so.
func TestForeignPart(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	w := c.worker(s, "w", 1)
	id := s.submit(c, c.job(1, 1))
	w.maps(1)
	o := w.next("reduce/0")
	key := output.PartName(0, output.TSV)
	if _, err := c.out.Store.PutIf(c.ctx, key, []byte("mine"), ""); err != nil {
		t.Fatal(err)
	}
	w.reduce(o)
	st := s.end(c, id)
	if st.Phase != controlv1.JobStatus_PHASE_FAILED || errs.Kind(st.ErrorKind) != errs.Conflict {
		t.Errorf("the job ended as %v", st)
	}
	if got := await(c, "the release", w.releases); got != id {
		t.Errorf("told to forget %s", got)
	}
	if body, _, err := c.out.Get(c.ctx, key); err != nil || string(body) != "mine" {
		t.Errorf("what was there is %q now, %v", body, err)
	}
}

// TestCommitInTrouble: while the store is away a commit is tried again, at each of its steps.
func TestCommitInTrouble(t *testing.T) {
	for _, x := range []struct{ op, key string }{{"put", "/job"}, {"publish", ""}, {"put", output.SuccessKey}} {
		t.Run(fmt.Sprint(x), func(t *testing.T) {
			c := newCluster(t)
			s := c.lead()
			w := c.worker(s, "w", 1)
			id := s.submit(c, c.job(1, 1))
			w.maps(1)
			o := w.next("reduce/0")
			c.until("who holds the runs to be recorded", func() bool { return len(c.record(id).Holders) == 1 })
			where := c.out
			if x.key == "/job" {
				where = c.store
			}
			trouble := where.fail(x.op, x.key, errs.E(errs.Unavailable, "", "", storage.ErrUnknown))
			defer trouble.lift()
			w.reduce(o)
			await(c, "the first try", trouble.reached)
			await(c, "the second try", trouble.reached)
			trouble.lift()
			if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE {
				t.Errorf("the job ended as %v", st)
			}
		})
	}
}

// TestBlockedCommit: an output that may not be written to any more keeps its job committing, and the job says why for as
// long as that lasts. Nothing is lost, and nothing is run again.
func TestBlockedCommit(t *testing.T) {
	for name, err := range map[string]error{
		"forbidden":   errs.New(errs.Invalid, "Access Denied (403)"),
		"unavailable": errs.New(errs.Unavailable, "Access Denied for now"),
		"unkind":      errors.New("Access Denied: permission denied"),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			s := c.lead()
			w := c.worker(s, "w", 2)
			id := s.submit(c, c.job(1, 1))
			trouble := c.out.fail("publish", "", err)
			defer trouble.lift()
			w.maps(1)
			w.reduces(1)
			for range 2 {
				await(c, "a try to publish", trouble.reached)
			}
			c.until("it to be seen", func() bool { return strings.Contains(s.status(c, id).Blocked, "Access Denied") })
			if st := s.status(c, id); st.Phase != controlv1.JobStatus_PHASE_COMMITTING || st.Error != "" {
				t.Errorf("it stands as %v", st)
			}
			trouble.lift()
			if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Blocked != "" || st.AttemptsFailed+st.AttemptsLost != 0 {
				t.Errorf("it ended as %v", st)
			}
		})
	}
}
