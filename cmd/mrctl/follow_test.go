package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
)

type watchStream = grpc.ServerStreamingServer[controlv1.WatchResponse]

func phaseMessage(id string, phase controlv1.JobStatus_Phase, events ...uint64) *controlv1.WatchResponse {
	m := &controlv1.WatchResponse{Status: &controlv1.JobStatus{Id: id, Phase: phase}}
	for _, seq := range events {
		m.Events = append(m.Events, &controlv1.Event{Seq: seq})
	}
	return m
}

// The first leader goes away in the middle; the second one carries on, and counts events anew.
func TestWatchFollowsTheLeader(t *testing.T) {
	store, dir := testStore(t)
	id := ledger.NewJobID()
	writeJob(t, store, ledger.Job{ID: id, Phase: ledger.Running})
	first := make(chan struct{})
	stop := lead(t, store, 1, &fakeLeader{watched: func(_ *controlv1.WatchRequest, to watchStream) error {
		if err := to.Send(phaseMessage(id, controlv1.JobStatus_PHASE_RUNNING, 1, 2)); err != nil {
			return err
		}
		<-to.Context().Done()
		return nil
	}})
	after := make(chan uint64, 1)
	go func() {
		<-first
		stop()
		lead(t, store, 2, &fakeLeader{watched: func(r *controlv1.WatchRequest, to watchStream) error {
			after <- r.AfterEvent
			return to.Send(phaseMessage(id, controlv1.JobStatus_PHASE_DONE, 1))
		}})
	}()
	cl := &cluster{uri: dir, store: store}
	defer cl.close()
	var phases []string
	var events []uint64
	s, err := cl.watch(t.Context(), id, true, func(s *controlv1.JobStatus, es []*controlv1.Event) {
		if phases = append(phases, phaseName(s.Phase)); len(phases) == 1 {
			close(first)
		}
		for _, e := range es {
			events = append(events, e.Seq)
		}
	})
	if err != nil || s.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Fatalf("%v, %v", s, err)
	}
	if want := []string{"running", "done"}; !slices.Equal(phases, want) {
		t.Errorf("phases %q, want %q", phases, want)
	}
	if want := []uint64{1, 2, 1}; !slices.Equal(events, want) {
		t.Errorf("events %v, want %v", events, want)
	}
	if n := <-after; n != 0 {
		t.Errorf("the second leader was asked for events after %d", n)
	}
}

// A leader whose machine is gone breaks no connection; that another one leads is seen in the lease.
func TestWatchLeavesASilentLeader(t *testing.T) {
	store, dir := testStore(t)
	id := ledger.NewJobID()
	writeJob(t, store, ledger.Job{ID: id, Phase: ledger.Running})
	silent := make(chan struct{})
	lead(t, store, 1, &fakeLeader{watched: func(_ *controlv1.WatchRequest, to watchStream) error {
		close(silent)
		<-to.Context().Done()
		return nil
	}})
	go func() {
		<-silent
		lead(t, store, 2, &fakeLeader{jobs: []*controlv1.JobStatus{{Id: id, Phase: controlv1.JobStatus_PHASE_DONE}}})
	}()
	cl := &cluster{uri: dir, store: store, recheck: 10 * time.Millisecond}
	defer cl.close()
	s, err := cl.watch(t.Context(), id, false, func(*controlv1.JobStatus, []*controlv1.Event) {})
	if err != nil || s.Phase != controlv1.JobStatus_PHASE_DONE {
		t.Fatalf("%v, %v", s, err)
	}
}

// The store tells the end of a job though nobody leads any more.
func TestWatchWithoutLeader(t *testing.T) {
	store, dir := testStore(t)
	id := ledger.NewJobID()
	writeJob(t, store, ledger.Job{ID: id, Phase: ledger.Failed, Error: "why", ErrorKind: errs.UserCode, Spec: spec.Job{Name: "wc"}})
	cl := &cluster{uri: dir, store: store}
	s, err := cl.watch(t.Context(), id, true, func(*controlv1.JobStatus, []*controlv1.Event) {})
	if err != nil || s.Phase != controlv1.JobStatus_PHASE_FAILED || s.Error != "why" || s.Name != "wc" {
		t.Fatalf("%v, %v", s, err)
	}
	if _, err := cl.watch(t.Context(), ledger.NewJobID(), true, nil); !errs.Is(err, errs.NotFound) {
		t.Errorf("a job that is not there: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	live := ledger.NewJobID()
	writeJob(t, store, ledger.Job{ID: live, Phase: ledger.Running})
	if _, err := cl.watch(ctx, live, true, nil); exitCode(err) != exitInterrupted {
		t.Errorf("interrupted: %v", err)
	}
}

func TestAskWithoutLeader(t *testing.T) {
	store, dir := testStore(t)
	cl := &cluster{uri: dir, store: store}
	defer cl.close()
	if _, err := cl.askLeader(t.Context()); exitCode(err) != exitUnreachable || hintOf(err) == "" {
		t.Errorf("nobody has led: %v", err)
	}
	if err := writeLease(store, ledger.Lease{V: 1, Epoch: 1, Holder: "gone", Addr: "127.0.0.1:1", Nonce: "n", TTL: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.askLeader(t.Context()); exitCode(err) != exitUnreachable {
		t.Errorf("the leader is dead: %v", err)
	}
	if err := writeLease(store, ledger.Lease{V: 1, Epoch: 1, Holder: "gone", Addr: "127.0.0.1:1", Nonce: "m", TTL: 1, Free: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.askLeader(t.Context()); exitCode(err) != exitUnreachable {
		t.Errorf("the lease was released: %v", err)
	}
	// It comes while we ask.
	lead(t, store, 2, &fakeLeader{})
	l, err := cl.askLeader(t.Context())
	if err != nil || l.Holder != "fake" {
		t.Errorf("%v, %v", l, err)
	}
}
