package worker

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// mapTasks runs some maps of a job and gives their reports.
func mapTasks(s *fakeSession, job string, tasks ...uint32) (reports []*sessionv1.Report) {
	for _, task := range tasks {
		s.start(&sessionv1.Start{Id: mapID(job, task, 0)})
		r := s.report(mapID(job, task, 0))
		s.ack(r.Id)
		reports = append(reports, r)
	}
	return reports
}

// landedUntil waits for a heartbeat that says how many runs a reduce has.
func landedUntil(w *world, s *fakeSession, id *sessionv1.AttemptID, runs uint32) {
	w.t.Helper()
	for {
		for _, p := range await(w, "a heartbeat", s.beats).Attempts {
			if name(p.Id) == name(id) && p.Runs == runs {
				return
			}
		}
	}
}

// TestReduceWaitsForSources: a reduce begins with what there is, says how far it has come, goes on under the next leader
// and ends when it has been told of the rest.
func TestReduceWaitsForSources(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	l := w.leader(1, 20*time.Millisecond)
	s := await(w, "a session", l.sessions)
	id := w.job(nil, "to be\n", "or not\n", "to be\n")
	maps := mapTasks(s, id, 0, 1, 2)
	all := reduceOf(a, reduceID(id, 0, 0), maps...)
	some := func(i int) []*sessionv1.Source { return reduceOf(a, nil, maps[i:i+1]...).Sources }
	s.start(&sessionv1.Start{Id: all.Id, Maps: 3, Sources: some(1)})
	landedUntil(w, s, all.Id, 1)
	s.addSources(reduceID(id, 7, 7), some(2)) // of an attempt that is not here
	s.addSources(all.Id, some(0))
	landedUntil(w, s, all.Id, 2)
	s.breaks()

	s = await(w, "the next session", l.sessions)
	if r := s.register; len(r.Running) != 1 || name(r.Running[0]) != name(all.Id) {
		t.Errorf("it registers as %v", r)
	}
	s.addSources(all.Id, all.Sources)
	if r := s.report(all.Id); r.Outcome != sessionv1.Report_OUTCOME_DONE {
		t.Fatalf("%v", r)
	}
	rec, err := ledger.ReadTask(w.ctx, w.store, id, 0, ledger.Reduce, 0, 0)
	if err != nil || len(rec.Inputs) != 3 || rec.Inputs[2].Digest != hex.EncodeToString(maps[2].Digest) {
		t.Errorf("record %+v, %v", rec, err)
	}
}

// TestStopWhileItWaits: a reduce that waits for sources can be stopped, and its slot is free.
func TestStopWhileItWaits(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	s := await(w, "a session", w.leader(1, 20*time.Millisecond).sessions)
	id := w.job(nil, "to be\n", "or not\n")
	maps := mapTasks(s, id, 0)
	o := reduceOf(a, reduceID(id, 0, 0), maps...)
	o.Maps = 2
	s.start(o)
	landedUntil(w, s, o.Id, 1)
	s.stopAttempt(o.Id)
	if r := s.report(o.Id); r.Outcome != sessionv1.Report_OUTCOME_STOPPED {
		t.Errorf("%v", r)
	}
}

// TestSourcesThatDoNotFit: where another output counts than the one fetched, the attempt is to begin again; orders that make
// no sense fail it.
func TestSourcesThatDoNotFit(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	s := await(w, "a session", w.leader(1, 20*time.Millisecond).sessions)
	id := w.job(nil, "to be\n", "or not\n")
	maps := mapTasks(s, id, 0)
	o := reduceOf(a, reduceID(id, 0, 0), maps...)
	o.Maps = 2
	s.start(o)
	landedUntil(w, s, o.Id, 1)
	other := reduceOf(a, nil, &sessionv1.Report{Id: mapID(id, 0, 9), Digest: make([]byte, 16)})
	s.addSources(o.Id, other.Sources)
	if r := s.report(o.Id); r.Outcome != sessionv1.Report_OUTCOME_LOST || !strings.Contains(r.Error, "was fetched from attempt 0") {
		t.Errorf("%v", r)
	}
	s.ack(o.Id)
	o = reduceOf(a, reduceID(id, 0, 1), maps...)
	o.Maps = 0
	s.start(o)
	if r := s.report(o.Id); r.Outcome != sessionv1.Report_OUTCOME_FAILED || errs.Kind(r.ErrorKind) != errs.Invalid {
		t.Errorf("%v", r)
	}
}
