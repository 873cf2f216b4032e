package coordinator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// town is a cluster in a bubble of testing/synctest: coordinators that stop at a given write, and workers that go on. Time
// costs nothing there, so all times are those of a real cluster.
type town struct {
	*cluster
	wire   wire
	census *census
	pace   time.Duration // of an attempt
	bad    func(*sessionv1.AttemptID) bool

	fates []fate // of leaderships, in their order; those after them live
	mu    sync.Mutex
	led   []*mortal // who has written, in order; guarded by mu
	hosts map[*mortal]*host

	end  context.CancelFunc
	done sync.WaitGroup
}

// newTown makes a town with workers, and one coordinator more than are fated to stop. Call close in the end.
func newTown(t *testing.T, workers int, fates ...fate) *town {
	t.Helper()
	tn := &town{cluster: newCluster(t), census: newCensus(), pace: 3 * time.Second, fates: fates,
		bad: func(*sessionv1.AttemptID) bool { return false }}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // of the bubble
	tn.ctx, tn.end = ctx, cancel
	tn.hosts = map[*mortal]*host{}
	for i := range len(fates) + 1 {
		tn.found(ctx, fmt.Sprintf("c%d", i))
	}
	for i := range workers {
		d := tn.hire(ctx, fmt.Sprintf("w%d", i))
		tn.done.Go(d.done.Wait)
	}
	return tn
}

// found starts a coordinator.
func (tn *town) found(ctx context.Context, name string) {
	ctx, kill := context.WithCancel(ctx)
	h := tn.wire.listen(name)
	var m *mortal
	m = newMortal(func() fate {
		tn.mu.Lock()
		defer tn.mu.Unlock()
		tn.led = append(tn.led, m)
		if n := len(tn.led); n <= len(tn.fates) {
			return tn.fates[n-1]
		}
		return fate{}
	}, func() { h.sever(); kill() })
	tn.hosts[m] = h
	srv, err := New(Config{Store: m.view(tn.store.Store, ""), Resolver: townPlaces{tn, m}, Listener: h, Advertise: name,
		SkipProbe: true, Log: zap.NewNop()})
	if err != nil {
		tn.t.Fatal(err)
	}
	tn.done.Go(func() {
		defer kill()
		_ = srv.Run(ctx) // what matters is in the store
	})
}

// townPlaces gives a mortal coordinator its own way to the output.
type townPlaces struct {
	storage.Places
	m *mortal
}

func (p townPlaces) Output(uri string) (storage.Store, error) {
	s, err := p.Places.Output(uri)
	return p.m.view(s, "out:"), err
}

// close ends everybody.
func (tn *town) close() {
	tn.end()
	tn.thaw()
	tn.done.Wait()
}

// thaw wakes coordinators that froze.
func (tn *town) thaw() {
	tn.mu.Lock()
	defer tn.mu.Unlock()
	for _, m := range tn.led {
		m.mu.Lock()
		frozen := m.stopped && m.fate.how == freezes
		m.mu.Unlock()
		if frozen {
			select {
			case <-m.thawed:
			default:
				close(m.thawed)
			}
		}
	}
}

// patiently asks the leader something until it answers, whoever leads by then.
func (tn *town) patiently(ask func(context.Context, controlv1.ControlServiceClient) error) {
	tn.t.Helper()
	for tn.ctx.Err() == nil {
		if rec, err := ledger.ReadLease(tn.ctx, tn.store.Store); err == nil && !rec.Free {
			conn, err := tn.wire.client(rec.Addr)
			if err != nil {
				tn.t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(tn.ctx, 2*time.Second) // who is asked may be dead, and the job goes on under another
			err = ask(ctx, controlv1.NewControlServiceClient(conn))
			cancel()
			_ = conn.Close()
			if err == nil {
				return
			}
		}
		pause(tn.ctx, 100*time.Millisecond)
	}
	tn.t.Fatal("nobody answered for an hour")
}

// order submits a job as a client does that tries again, and says its id.
func (tn *town) order(j spec.Job) (id string) {
	tn.t.Helper()
	j.RequestID = "once"
	body, err := json.Marshal(j)
	if err != nil {
		tn.t.Fatal(err)
	}
	tn.patiently(func(ctx context.Context, c controlv1.ControlServiceClient) error {
		r, err := c.Submit(ctx, &controlv1.SubmitRequest{Spec: body})
		id = r.GetJob()
		return err
	})
	return id
}

// over waits for the end of a job and for all that follows it.
func (tn *town) over(id string) (j ledger.Job) {
	tn.t.Helper()
	for tn.ctx.Err() == nil {
		var err error
		if j, err = ledger.ReadJob(tn.ctx, tn.store.Store, id); err == nil && j.Phase.Ended() {
			if _, err := tn.store.Store.Stat(tn.ctx, ledger.InboxKey(id)); err != nil {
				return j
			}
		}
		pause(tn.ctx, 100*time.Millisecond)
	}
	tn.t.Fatalf("the job has not ended in an hour: %v", j)
	return j
}

// whole checks an output that is to be there once, with every part of it.
func (tn *town) whole(j ledger.Job) {
	tn.t.Helper()
	want := []string{output.SuccessKey, output.ClaimKey}
	last, err := stages.Describe(j.Spec, len(j.Spec.Then))
	if err != nil {
		tn.t.Fatal(err)
	}
	for _, name := range append(outputNames(last), "") {
		for i := range j.Results() {
			key := output.NamedPart(name, i, output.TSV)
			want = append(want, key)
			text := fmt.Sprintf("gen %d\n", j.Gen)
			if name == "" && len(last.Outputs) > 0 {
				text = "any gen\n"
			}
			if body, _, err := tn.out.Store.Get(tn.ctx, key); err != nil || string(body) != text {
				tn.t.Errorf("%s holds %q, want %q: %v", key, body, text, err)
			}
		}
	}
	if got := tn.visible(); got != strings.Join(want, " ") {
		tn.t.Errorf("the output shows %q, want %q", got, want)
	}
	var m output.Manifest
	body, _, err := tn.out.Store.Get(tn.ctx, output.SuccessKey)
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil || m.Job != j.ID || len(m.Parts) != len(want)-2 {
		tn.t.Errorf("the manifest is %+v, %v", m, err)
	}
	if n := j.Counters["map.records_in"]; n != int64(j.Maps) {
		tn.t.Errorf("counted %d records, want %d; %v", n, j.Maps, j.Warnings)
	}
}

// onlyMaps reports whether the stages of a job only map.
func (tn *town) onlyMaps(id string) bool {
	j, err := ledger.ReadJob(context.WithoutCancel(tn.ctx), tn.store.Store, id)
	if err != nil {
		tn.t.Error(err)
		return false
	}
	s, err := stages.Describe(j.Spec, 0)
	return err == nil && s.GetMapOnly()
}
