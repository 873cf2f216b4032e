package coordinator

import (
	"strings"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// What failed and was lost in a stage is still counted in the next, and once the job has ended: the scheduler forgets it with
// the stage.
func TestAttemptsOfEarlierStages(t *testing.T) {
	c := newCluster(t)
	s := c.lead()
	j := c.job(2, 1)
	j.Then = [][]byte{secondStage(t, j.Name, false)}
	id := s.submit(c, j)
	gone := c.worker(s, "gone", 1)
	gone.next("map/")
	gone.leave()
	w := c.worker(s, "w", 1)
	w.report(failed(w.next("map/").Id, errs.UserCode, "once"))
	w.maps(2)
	w.reduces(1)
	second := w.next("2:map/")
	if second.Id.Stage != 1 {
		t.Fatalf("after the first stage comes %v", second.Id)
	}
	if rec := c.record(id); rec.Stage != 1 || rec.AttemptsFailed != 1 || rec.AttemptsLost != 1 {
		t.Errorf("the record after the first stage: %+v", rec)
	}
	if st := s.status(c, id); st.AttemptsFailed != 1 || st.AttemptsLost != 1 {
		t.Errorf("amid the second: %v", st)
	}
	w.report(failed(second.Id, errs.UserCode, "again"))
	order := w.next("2:map/")
	for strings.HasPrefix(label(order.Id), "2:map/") {
		w.report(mapped(order.Id))
		order = w.next("2:")
	}
	for range c.record(id).Reduces - 1 {
		w.reduce(order)
		order = w.next("2:reduce/")
	}
	w.reduce(order)
	if st := s.end(c, id); st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsFailed != 2 || st.AttemptsLost != 1 {
		t.Errorf("in the end: %v", st)
	}
}
