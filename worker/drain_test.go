package worker

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

// TestDrain: it is told to the leader of each session. Runs that lie here alone are copied to the store and reported once
// more; the drain ends when that is acknowledged. A reduce elsewhere reads them there.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	l := w.leader(1, calm)
	s := await(w, "a session", l.sessions)
	id := w.job(nil, "a b a\n")
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	first := s.report(mapID(id, 0, 0))
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
	again := s.report(mapID(id, 0, 0))
	if first.Stored || !again.Stored || again.Outcome != sessionv1.Report_OUTCOME_DONE || !bytes.Equal(again.Digest, first.Digest) || again.Tally.GetRecordsIn() != 1 {
		t.Errorf("reported first %v, then %v", first, again)
	}
	select {
	case err := <-drained:
		t.Errorf("drained before the leader knew: %v", err)
	default:
	}
	s.ack(mapID(id, 0, 0))
	if err := await(w, "the end of the drain", drained); err != nil {
		t.Error(err)
	}
	stored, err := ledger.StoredRuns(w.ctx, w.store, id, 0)
	if err != nil || len(stored) != 1 || stored[0].Worker != a.ID() || stored[0].Digest != hex.EncodeToString(first.Digest) {
		t.Fatalf("stored: %+v, %v", stored, err)
	}
	a.stop()

	w.agent(func(c *Config) { c.Scratch += "-2" })
	s = await(w, "the session of another worker", l.sessions)
	for part := range uint32(2) {
		s.start(&sessionv1.Start{Id: reduceID(id, part, 0), Maps: 1, Sources: []*sessionv1.Source{inStore(first, 0)}})
		if r := s.report(reduceID(id, part, 0)); r.Outcome != sessionv1.Report_OUTCOME_DONE {
			t.Errorf("reduce %d from the store: %v", part, r)
		}
	}
}

// inStore names the run of a reported map as one in the store.
func inStore(r *sessionv1.Report, task uint32) *sessionv1.Source {
	return &sessionv1.Source{Worker: ledger.InStore, Addr: ledger.InStore, Tasks: []uint32{task}, Attempts: []uint32{r.Id.Attempt}, Digests: [][]byte{r.Digest}}
}

// TestDrainOfWhatNobodyNeeds: the end of a job ends the wait for its runs.
func TestDrainOfWhatNobodyNeeds(t *testing.T) {
	w := newWorld(t)
	a := w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	id := w.job(nil, "a\n")
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	s.report(mapID(id, 0, 0))
	s.ack(mapID(id, 0, 0))
	drained := make(chan error, 1)
	go func() { drained <- a.Drain(w.ctx) }()
	s.report(mapID(id, 0, 0))
	s.release(id)
	if err := await(w, "the end of the drain", drained); err != nil {
		t.Error(err)
	}
}

// TestShuffleStore: the run of such a job is in the store before its map is reported. A run that is damaged there is
// reported missing there; one that cannot be read for want of a store is not.
func TestShuffleStore(t *testing.T) {
	w := newWorld(t)
	away := &awayStore{Store: w.store}
	w.store = away
	w.agent()
	s := await(w, "a session", w.leader(1, calm).sessions)
	id := w.job(nil, "a b\n")
	w.shuffles(id, spec.ShuffleStore)
	s.start(&sessionv1.Start{Id: mapID(id, 0, 0)})
	r := s.report(mapID(id, 0, 0))
	if stored, err := ledger.StoredRuns(w.ctx, w.store, id, 0); !r.Stored || err != nil || len(stored) != 1 || stored[0].Bytes == 0 {
		t.Fatalf("%v\nstored: %+v, %v", r, stored, err)
	}
	reduce := func(attempt uint32) *sessionv1.Report {
		s.start(&sessionv1.Start{Id: reduceID(id, 0, attempt), Maps: 1, Sources: []*sessionv1.Source{inStore(r, 0)}})
		return s.report(reduceID(id, 0, attempt))
	}
	away.gone.Store(true)
	if r := reduce(0); r.Outcome != sessionv1.Report_OUTCOME_LOST || len(r.Missing) != 0 {
		t.Errorf("with the store away: %v", r)
	}
	away.gone.Store(false)
	if err := w.store.Delete(w.ctx, ledger.RunKey(id, 0, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if r := reduce(1); r.Outcome != sessionv1.Report_OUTCOME_RUNS_GONE || len(r.MissingAt) != 1 || r.MissingAt[0] != ledger.InStore {
		t.Errorf("with the run gone: %v", r)
	}
}

// awayStore is a store whose runs cannot be reached at times.
type awayStore struct {
	storage.Store
	gone atomic.Bool
}

func (s *awayStore) Stat(ctx context.Context, key string) (storage.Info, error) {
	if s.gone.Load() {
		return storage.Info{}, errs.New(errs.Unavailable, "the store is away")
	}
	return s.Store.Stat(ctx, key)
}

// shuffles sets how a job shuffles, before any worker has read it.
func (w *world) shuffles(id, how string) {
	w.t.Helper()
	body, info, err := w.store.Get(w.ctx, ledger.JobKey(id))
	var rec map[string]any
	if err == nil {
		err = json.Unmarshal(body, &rec)
	}
	if err == nil {
		rec["spec"].(map[string]any)["shuffle"] = how
		body, err = json.Marshal(rec)
	}
	if err == nil {
		_, err = w.store.PutIf(w.ctx, ledger.JobKey(id), body, info.Version)
	}
	if err != nil {
		w.t.Fatal(err)
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
