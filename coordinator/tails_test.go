package coordinator

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/storage/dataset"
)

// cutAt is the report of a map that has ended at a byte of its split.
func cutAt(id *sessionv1.AttemptID, offset int64) *sessionv1.Report {
	r := mapped(id)
	r.End = &sessionv1.Place{Offset: offset}
	r.Digest = []byte("the digest of a head")
	return r
}

// tailWorld is a job of which all maps but one are done; that one is slow, and has a rival on another worker.
type tailWorld struct {
	c       *cluster
	s       *coord
	id      string
	slow    *sessionv1.Start
	w       []*worker // the first has the slow attempt
	rival   *sessionv1.Start
	byRival *worker
}

func newTailWorld(t *testing.T) *tailWorld {
	c := newCluster(t)
	s := c.lead(func(cfg *Config) { cfg.Sched.Backup = sched.Backup{MinAge: 200 * time.Millisecond} })
	tw := &tailWorld{c: c, s: s}
	for _, name := range []string{"w1", "w2", "w3", "w4"} {
		tw.w = append(tw.w, c.worker(s, name, 1))
	}
	tw.id = s.submit(c, c.job(4, 1))
	tw.slow = tw.w[0].next("map/")
	for _, w := range tw.w[1:] {
		w.maps(1)
	}
	c.until("a backup of the slow map", func() bool {
		tw.w[0].send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: &sessionv1.Heartbeat{
			Attempts: []*sessionv1.AttemptProgress{{Id: tw.slow.Id, Records: 1, BytesTotal: 32}}}}})
		tw.byRival, tw.rival = tw.any(tw.w[1:])
		return tw.rival != nil
	})
	if y := await(c, "the slow attempt to be asked to yield", tw.w[0].yields); label(y.Id) != label(tw.slow.Id) {
		t.Errorf("%s was asked to yield", label(y.Id))
	}
	return tw
}

func (tw *tailWorld) any(list []*worker) (*worker, *sessionv1.Start) {
	for _, w := range list {
		select {
		case o := <-w.starts:
			return w, o
		default:
		}
	}
	return nil, nil
}

// finish runs what is left of the job well; fresh is shown every map.
func (tw *tailWorld) finish(s *coord, list []*worker, fresh func(*sessionv1.Start)) *controlv1.JobStatus {
	c := tw.c
	for reduced := false; !reduced; {
		var w *worker
		var o *sessionv1.Start
		c.until("more work", func() bool { w, o = tw.any(list); return o != nil })
		if o.Id.Phase == sessionv1.AttemptID_PHASE_REDUCE {
			w.reduce(o)
			reduced = true
			continue
		}
		fresh(o)
		r := mapped(o.Id)
		r.End = o.GetExtent().GetTo()
		w.report(r)
	}
	return s.end(c, tw.id)
}

// TestTail: the slow map yields at byte 8 of its 32. That is recorded, its rival is stopped, and the rest is done by others:
// by more than one, each byte once. The output that was cut counts, and its report is not acknowledged before the record.
func TestTail(t *testing.T) {
	tw := newTailWorld(t)
	c := tw.c
	gate := c.store.hold("put", "/job")
	tw.w[0].report(cutAt(tw.slow.Id, 8))
	await(c, "the tail to be recorded", gate.reached)
	select {
	case id := <-tw.w[0].acks:
		t.Errorf("%s is acknowledged, and its tail is not recorded", label(id))
	default:
	}
	gate.lift()
	tw.w[0].acked(tw.slow.Id)
	if stop := await(c, "the rival to be stopped", tw.byRival.stops); label(stop.Id) != label(tw.rival.Id) {
		t.Errorf("told to stop %s", label(stop.Id))
	}
	tw.byRival.report(&sessionv1.Report{Id: tw.rival.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED})
	var covered int64
	parts := 0
	st := tw.finish(tw.s, tw.w, func(o *sessionv1.Start) {
		parts++
		e := o.Extent
		if e.GetTask() != tw.slow.Id.Task || e.GetFrom() == nil || o.Id.Task < 4 {
			t.Errorf("a tail is map %d, of %v", o.Id.Task, e)
		}
		to := e.GetTo().GetOffset()
		if to == 0 {
			to = 32
		}
		if label(o.Id) != label(tw.slow.Id) {
			covered += to - e.GetFrom().GetOffset()
		}
	})
	if parts < 2 || covered != 24 {
		t.Errorf("%d tails have %d bytes, want 24", parts, covered)
	}
	if st.Phase != controlv1.JobStatus_PHASE_DONE || st.Counters["map.records_in"] != int64(4+parts) || st.Stages[0].Tasks != uint32(4+parts) {
		t.Errorf("the job ended as %v", st)
	}
	if rec := c.record(tw.id); len(rec.Tails) != parts || rec.Tails[0] != (dataset.Tail{Of: int(tw.slow.Id.Task), At: dataset.Place{Offset: 8}}) {
		t.Errorf("recorded %v", rec.Tails)
	}
	if m, err := tw.s.events(c, tw.id); err != nil || m["task-cut"] != 1 {
		t.Errorf("events %v, %v", m, err)
	}
}

// TestTailComesTooLate: the rival is done first. What the slow attempt has read is of no use, and the worker that holds it may
// come back with it.
func TestTailComesTooLate(t *testing.T) {
	tw := newTailWorld(t)
	tw.byRival.report(mapped(tw.rival.Id))
	tw.byRival.acked(tw.rival.Id)
	r := cutAt(tw.slow.Id, 8)
	tw.w[0].report(r)
	tw.w[0].acked(tw.slow.Id)
	tw.w[0].hangUp()
	reg := register("w1", 1)
	reg.Epoch, reg.Held = tw.w[0].epoch, []*sessionv1.Held{{Id: r.Id, Digest: r.Digest, Tally: r.Tally, End: r.End}}
	tw.w[0] = tw.c.join(tw.s, reg)
	st := tw.finish(tw.s, tw.w, func(o *sessionv1.Start) { t.Errorf("started %s", label(o.Id)) })
	if st.Phase != controlv1.JobStatus_PHASE_DONE || st.Counters["map.records_in"] != 4 || len(tw.c.record(tw.id).Tails) != 0 {
		t.Errorf("the job ended as %v", st)
	}
}

// TestTailOutlivesItsLeader: the leader ends right after the tail has been recorded, or right before. The next one, in the
// first case, knows of it and takes what was cut, but not the longer output; in the second it is the other way round. It cuts
// nothing itself.
func TestTailOutlivesItsLeader(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		tw := newTailWorld(t)
		c := tw.c
		if recorded {
			tw.w[0].report(cutAt(tw.slow.Id, 8))
			c.until("the tail to be recorded", func() bool { return len(c.record(tw.id).Tails) > 0 })
		}
		tails := len(c.record(tw.id).Tails)
		tw.s.stop()
		s := c.lead()
		short, long := cutAt(tw.slow.Id, 8), mapped(tw.rival.Id)
		held := func(r *sessionv1.Report) *sessionv1.Held {
			return &sessionv1.Held{Id: r.Id, Digest: r.Digest, Tally: r.Tally, End: r.End}
		}
		reg := register("w1", 4)
		reg.Epoch = tw.w[0].epoch
		for i := range uint32(4) {
			if i != tw.slow.Id.Task {
				reg.Held = append(reg.Held, held(mapped(&sessionv1.AttemptID{Job: tw.id, Phase: sessionv1.AttemptID_PHASE_MAP, Task: i})))
			}
		}
		reg.Held = append(reg.Held, held(short), held(long))
		var all []*worker
		for _, w := range tw.w[1:] {
			back := register(w.id, 1)
			back.Epoch = w.epoch
			all = append(all, c.join(s, back))
		}
		w := c.join(s, reg)
		w.report(proto.CloneOf(short))
		w.report(proto.CloneOf(long))
		seen := map[uint32]bool{}
		st := tw.finish(s, append(all, w), func(o *sessionv1.Start) { seen[o.Id.Task] = true })
		if len(seen) != tails || seen[tw.slow.Id.Task] {
			t.Errorf("recorded %v: %d tails, started maps %v", recorded, tails, seen)
		}
		if st.Phase != controlv1.JobStatus_PHASE_DONE || len(c.record(tw.id).Tails) != tails || st.Counters["map.records_in"] != int64(4+tails) {
			t.Errorf("recorded %v: the job ended as %v", recorded, st)
		}
	}
}
