package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
)

// TestDrain: it is told to the leader of each session, and over when nothing is left that a live job needs.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	l := w.leader(1, calm)
	s := await(w, "a session", l.sessions)
	id := w.job(nil, "a\n")
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	s.report(mapID(id, 0, 0))
	s.ack(mapID(id, 0, 0))
	a.until(w, "nothing to be left to tell", func() bool { return len(a.reports) == 0 })
	short, cancel := context.WithCancel(w.ctx)
	cancel()
	if err := a.Drain(short); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "0 attempts, 0 reports and 1 runs left") {
		t.Errorf("%v", err)
	}
	await(w, "the drain", s.drains)
	s.breaks()
	s = await(w, "the next session", l.sessions)
	await(w, "the drain in the next session", s.drains)
	drained := make(chan error, 1)
	go func() { drained <- a.Drain(w.ctx) }()
	select {
	case err := <-drained:
		t.Errorf("drained with a run held: %v", err)
	default:
	}
	s.release(id)
	if err := await(w, "the end of the drain", drained); err != nil {
		t.Error(err)
	}
}

// TestHandBack: attempts that take longer than a drain allows are handed back, neither failed nor lost, and an order that
// crosses the news is handed back at once. The drain ends when the leader knows.
func TestHandBack(t *testing.T) {
	w := newWorld(t)
	release := w.files.hold()
	defer release()
	a := w.agent(func(c *Config) { c.DrainTimeout = 500 * time.Millisecond })
	s := await(w, "a session", w.leader(1, calm).sessions)
	id := w.job(nil, "a\n", "b\n")
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	await(w, "the attempt to read", w.files.opened)
	drained := make(chan error, 1)
	go func() { drained <- a.Drain(w.ctx) }()
	await(w, "the drain", s.drains)
	s.start(&sessionv1.Start{Id: mapID(id, 1, 0)})
	for _, task := range []uint32{1, 0} { // one at once, the other when its time is up
		r := s.report(mapID(id, task, 0))
		if r.Outcome != sessionv1.Report_OUTCOME_STOPPED || !strings.Contains(r.Error, "handed back") {
			t.Errorf("map %d of a draining worker: %v", task, r)
		}
		s.ack(mapID(id, task, 0))
	}
	if err := await(w, "the end of the drain", drained); err != nil {
		t.Error(err)
	}
}
