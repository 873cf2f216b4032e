package coordinator

import (
	"slices"
	"strings"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// torn brings a job of one map and two reduces to where its last report makes the reduces rest on different outputs of the
// map. It returns the worker that is left, that report, and the order of the reduce that rests on what is no more.
func torn(c *cluster, s *coord) (w *worker, last *sessionv1.Report, stale, again *sessionv1.Start) {
	c.t.Helper()
	gone := c.worker(s, "gone", 1)
	gone.maps(1)
	lost := gone.next("reduce/")
	w = c.worker(s, "left", 1)
	stale = w.next("reduce/")
	w.reduce(stale)
	w.acked(stale.Id)
	gone.leave()
	again = w.next("map/0")
	other := mapped(again.Id)
	other.Digest = []byte("another-digest-0")
	w.report(other)
	redone := w.next(taskName(attemptOf(lost.Id).TaskID))
	w.record(redone)
	return w, &sessionv1.Report{Id: redone.Id, Outcome: sessionv1.Report_OUTCOME_DONE}, stale, again
}

// TestRedo: when the map gives something else the second time, the reduce that rests on the first output is run again, and
// what it staged is given up.
func TestRedo(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	id := s.submit(c, c.job(1, 2))
	w, last, stale, _ := torn(c, s)
	w.report(last)
	again := w.next(taskName(attemptOf(stale.Id).TaskID))
	if again.Id.Gen != 1 {
		t.Errorf("it runs again under generation %d", again.Id.Gen)
	}
	key := output.PartName(int(stale.Id.Task), output.TSV)
	c.until("the stale part to be given up", func() bool { return len(c.pending(key)) == 0 })
	w.reduce(again)
	c.checkRedone(s, id, again)
}

// pending is what is staged for a part.
func (c *cluster) pending(key string) []storage.Pending {
	c.t.Helper()
	list, err := c.out.Store.(storage.Sweeper).PendingOf(c.ctx, key)
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// checkRedone waits for the end of a job that was torn, and checks that one of its reduces was run again.
func (c *cluster) checkRedone(s *coord, id string, again *sessionv1.Start) {
	c.t.Helper()
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.Gen != 1 {
		c.t.Fatalf("the job ended as %v", st)
	}
	if rec := c.record(id); rec.Redone != 1 || !slices.Contains(rec.Warnings, notDeterministic) || rec.Counters["map.records_in"] != 1 {
		c.t.Errorf("its record says %+v", rec)
	}
	m, err := output.ReadManifest(c.ctx, c.out)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range m.Parts {
		want := "gen 0\n"
		if uint32(p.Task) == again.Id.Task {
			want = "gen 1\n"
		}
		if body, _, err := c.out.Get(c.ctx, p.Key); err != nil || string(body) != want {
			c.t.Errorf("part %s holds %q, want %q, %v", p.Key, body, want, err)
		}
	}
}

// TestRedoIsRefused: a job that is to fail if its map is not deterministic does.
func TestRedoIsRefused(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	j := c.job(1, 2)
	j.Nondeterministic = spec.Fail
	id := s.submit(c, j)
	w, last, _, _ := torn(c, s)
	w.report(last)
	st := s.end(c, id)
	if st.Phase != controlv1.JobStatus_PHASE_FAILED || errs.Kind(st.ErrorKind) != errs.UserCode || !strings.Contains(st.Error, "not deterministic") {
		t.Errorf("the job ended as %v", st)
	}
	for i := range 2 {
		c.until("staged parts to be given up", func() bool { return len(c.pending(output.PartName(i, output.TSV))) == 0 })
	}
}

// TestRedoOutlivesLeader: a leader that dies between the records of a new generation and the step into it leaves nothing
// that could not be gone on with.
func TestRedoOutlivesLeader(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	id := s.submit(c, c.job(1, 2))
	w, last, stale, m := torn(c, s)
	c.until("all writes of the job's record", func() bool { return len(c.record(id).Holders) == 1 && c.record(id).Counters != nil })
	step := c.store.fail("put", "/job", errs.E(errs.Unavailable, "", "", storage.ErrUnknown))
	w.report(last)
	await(c, "the step", step.reached)
	w.hangUp()
	s.stop()
	step.lift()
	next := c.lead()
	reg := register("left", 1)
	h := held(m.Id)
	h.Digest = []byte("another-digest-0")
	reg.Held = []*sessionv1.Held{h}
	workers := []*worker{c.join(next, reg), c.worker(next, "gone", 1)} // the other comes back with nothing
	var again *sessionv1.Start
	select {
	case again = <-workers[0].starts:
		w = workers[0]
	case again = <-workers[1].starts:
		w = workers[1]
	case <-c.ctx.Done():
		t.Fatal("nothing was run again")
	}
	if again.Id.Task != stale.Id.Task || again.Id.Phase != stale.Id.Phase {
		t.Errorf("%s was run again", label(again.Id))
	}
	w.reduce(again)
	c.checkRedone(next, id, again)
}
