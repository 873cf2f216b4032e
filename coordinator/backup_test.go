package coordinator

import (
	"slices"
	"testing"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
)

// TestBackup: the worker of one map says in heartbeats that it does little. Another worker gets the map too and is done
// first; the slow one is told to stop and has finished nevertheless. The reduce consumes one of the two, and the job
// counts one of them.
func TestBackup(t *testing.T) {
	c := newCluster(t)
	s := c.lead(func(cfg *Config) { cfg.Sched.Backup = sched.Backup{MinAge: 200 * time.Millisecond} })
	var all []*worker
	for _, name := range []string{"w1", "w2", "w3", "w4"} {
		all = append(all, c.worker(s, name, 1))
	}
	id := s.submit(c, c.job(4, 1))
	slow := all[0].next("map/")
	for _, w := range all[1:] {
		w.maps(1)
	}
	var fast *worker
	var rival *sessionv1.Start
	c.until("a backup of the slow map", func() bool {
		all[0].send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: &sessionv1.Heartbeat{
			Attempts: []*sessionv1.AttemptProgress{{Id: slow.Id, Records: 1, BytesTotal: 32}}}}})
		for _, w := range all[1:] {
			select {
			case rival = <-w.starts:
				fast = w
			default:
			}
		}
		return rival != nil
	})
	if rival.Id.Task != slow.Id.Task || rival.Id.Phase != slow.Id.Phase || rival.Id.Attempt == slow.Id.Attempt {
		t.Fatalf("started %s beside %s", label(rival.Id), label(slow.Id))
	}
	fast.report(mapped(rival.Id))
	if stop := await(c, "an order to stop", all[0].stops); label(stop.Id) != label(slow.Id) {
		t.Errorf("told to stop %s", label(stop.Id))
	}
	all[0].report(mapped(slow.Id))
	var o *sessionv1.Start
	c.until("the reduce", func() bool {
		return slices.ContainsFunc(all, func(w *worker) bool {
			select {
			case o = <-w.starts:
				w.reduce(o)
				return true
			default:
				return false
			}
		})
	})
	st := s.end(c, id)
	if st.Phase != controlv1.JobStatus_PHASE_DONE || st.AttemptsFailed+st.AttemptsLost != 0 || st.Counters["map.records_in"] != 4 {
		t.Errorf("the job ended as %v", st)
	}
	if m, err := s.events(c, id); err != nil || m["attempt-slow"] != 1 || m["attempt-started"] != 6 {
		t.Errorf("events %v, %v", m, err)
	}
}
