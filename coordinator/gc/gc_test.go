package gc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/coordinator/gc"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/output"
)

const day = 24 * time.Hour

// world is a store, some outputs, and what must be left of them.
type world struct {
	t     *testing.T
	ctx   context.Context
	store *mem.Store
	outs  map[string]*mem.Store
	stays map[string]bool // keys of store
	held  map[place]bool  // staged, and to stay so
	goes  map[place]bool
}

// place is something staged; tokens repeat from output to output.
type place struct {
	uri   string
	token storage.Token
}

func newWorld(t *testing.T) *world {
	return &world{t: t, ctx: t.Context(), store: mem.New(), outs: map[string]*mem.Store{}, stays: map[string]bool{},
		held: map[place]bool{}, goes: map[place]bool{}}
}

func (w *world) Source(string) (storage.Source, string, error) { panic("gc reads no input") }

func (w *world) Output(uri string) (storage.Store, error) {
	if w.outs[uri] == nil {
		w.outs[uri] = mem.New()
	}
	return w.outs[uri], nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// put writes an object that stays, or goes.
func (w *world) put(stays bool, key string, body any) {
	w.t.Helper()
	b, err := json.Marshal(body)
	w.must(err)
	_, err = w.store.PutIf(w.ctx, key, b, "")
	w.must(err)
	if stays {
		w.stays[key] = true
	}
}

// stage stages a part of an output.
func (w *world) stage(stays bool, uri, key string) {
	w.t.Helper()
	out, err := w.Output(uri)
	w.must(err)
	wr, err := out.Create(w.ctx, key, nil)
	w.must(err)
	t, err := wr.Stage(w.ctx)
	w.must(err)
	if stays {
		w.held[place{uri, t}] = true
	} else {
		w.goes[place{uri, t}] = true
	}
}

func (w *world) claim(uri, job string) {
	w.t.Helper()
	out, err := w.Output(uri)
	w.must(err)
	w.must(output.Claim(w.ctx, out, job, func(context.Context, string) (bool, error) { return true, nil }))
}

// plugin is the n-th binary's digest.
func plugin(n int) string { return fmt.Sprintf("%064x", n) }

// job is a job and what it has in the store.
type job struct {
	id        string
	phase     ledger.Phase
	ended     time.Duration // before the sweep; it is made then
	out       string        // "": with the job
	plugin    int
	inbox     bool // it is still there
	noManfest bool
}

// add makes a job whose things stay as long as gc's package comment says.
func (w *world) add(j job) {
	w.t.Helper()
	live := !j.phase.Ended() || j.inbox
	old := func(limit time.Duration) bool { return !live && j.ended >= limit }
	rec := ledger.Job{V: ledger.JobV, ID: j.id, Phase: j.phase, Reduces: 2, Spec: spec.Job{Output: j.out, Plugins: map[string]string{"linux/amd64": plugin(j.plugin)}}}
	if j.phase.Ended() {
		rec.Ended = time.Now()
	}
	base := ledger.JobPrefix + j.id + "/"
	result := j.out == "" && j.phase == ledger.Done && !j.noManfest
	w.put(!old(30*day) || result, ledger.JobKey(j.id), rec)
	if j.inbox || !j.phase.Ended() {
		w.put(true, ledger.InboxKey(j.id), nil)
	}
	if j.phase.Ended() {
		w.put(!old(30*day) || result, ledger.EndedKey(j.id), nil)
	}
	for _, key := range []string{"history", "logs/0-map-00000000.0", "bad/00000000.0"} {
		w.put(!old(30*day), base+key, nil)
	}
	for _, key := range []string{"plan/head", "plan/dead-00000000", "t/0-reduce/0/00000001"} {
		w.put(!old(7*day), base+key, nil)
	}
	w.put(!old(time.Hour), base+"runs/0-00000000.1", nil)
	if j.out == "" {
		w.put(!old(30*day) || result, base+"out/"+output.PartName(0, output.TSV), nil)
		if result {
			w.put(true, base+"out/"+output.SuccessKey, nil)
		}
	} else {
		for _, key := range []string{output.PartName(1, output.TSV), output.SuccessKey, output.ClaimKey} {
			w.stage(!old(day), j.out, key)
		}
	}
	if old(day) && !(old(30*day) && !result) {
		w.stays[ledger.SweptKey(j.id)] = true
	}
}

// sweep collects, after time has passed, and checks what is left. A dry run before it says the same and changes nothing.
func (w *world) sweep() {
	w.t.Helper()
	cfg := gc.Config{Store: w.store, Places: w}
	before := w.keys()
	said := w.collect(cfg, false)
	if now := w.keys(); !slices.Equal(now, before) {
		w.t.Fatalf("a dry run left %v of %v", now, before)
	}
	if done := w.collect(cfg, true); !slices.Equal(said, done) {
		w.t.Errorf("said %v, did %v", said, done)
	}
	want := slices.Sorted(maps.Keys(w.stays))
	if left := w.keys(); !slices.Equal(left, want) {
		for _, k := range left {
			if !w.stays[k] {
				w.t.Errorf("%s is left", k)
			}
		}
		for _, k := range want {
			if !slices.Contains(left, k) {
				w.t.Errorf("%s is gone", k)
			}
		}
	}
	pending := map[place]bool{}
	for uri, out := range w.outs {
		keys := []string{output.SuccessKey, output.ClaimKey}
		for i := range 3 {
			keys = append(keys, output.PartName(i, output.TSV))
		}
		for _, key := range keys {
			list, err := out.PendingOf(w.ctx, key)
			w.must(err)
			for _, p := range list {
				pending[place{uri, p.Token}] = true
			}
		}
	}
	for at := range w.held {
		if !pending[at] {
			w.t.Errorf("a staged part of %s is gone", at.uri)
		}
	}
	for at := range w.goes {
		if pending[at] {
			w.t.Errorf("a staged part of %s is left", at.uri)
		}
	}
	if again := w.collect(cfg, true); len(again) > 0 {
		w.t.Errorf("the second time it found %v", again)
	}
}

func (w *world) collect(cfg gc.Config, remove bool) (said []string) {
	w.t.Helper()
	for item, err := range gc.Find(w.ctx, cfg) {
		w.must(err)
		if remove {
			w.must(item.Remove(w.ctx, 0))
		}
		if item.Objects > 0 {
			said = append(said, fmt.Sprint(item.Kind, item.Where, item.Objects, item.Why))
		}
	}
	return said
}

func (w *world) keys() (keys []string) {
	w.t.Helper()
	for info, err := range w.store.List(w.ctx, "", "") {
		w.must(err)
		keys = append(keys, info.Key)
	}
	return keys
}

// TestFind: of random jobs in all states and ages, and random garbage, what has outlived its owner goes, and nothing else.
func TestFind(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { random(newWorld(t), rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func random(w *world, rng *rand.Rand) {
	pick := func(n int) bool { return rng.IntN(n) == 0 }
	phases := []ledger.Phase{ledger.Planning, ledger.Running, ledger.Committing, ledger.Done, ledger.Done, ledger.Failed, ledger.Cancelled}
	named := map[int]bool{7: true}
	stored := map[int]time.Duration{} // when each plugin was
	ages := []time.Duration{40 * day, 10 * day, 2 * day, 2 * time.Hour, time.Minute}
	for i, age := range ages {
		if i > 0 {
			time.Sleep(ages[i-1] - age)
		}
		old := age >= day
		for range rng.IntN(4) {
			j := job{id: ledger.NewJobID(), phase: phases[rng.IntN(len(phases))], ended: age, plugin: rng.IntN(7), noManfest: pick(4)}
			j.inbox = j.phase.Ended() && pick(5)
			if pick(2) {
				j.out = "/out/" + j.id
			}
			w.add(j)
			named[j.plugin] = named[j.plugin] || !j.phase.Ended() || j.inbox || age < 30*day
		}
		if pick(2) { // of no job
			id := ledger.NewJobID()
			w.put(!old, ledger.JobPrefix+id+"/plan/dead-00000000", nil)
			w.put(!old, ledger.EndedKey(id), nil)
			w.put(!old, ledger.EndedKey(ledger.NewJobID()), nil)
			w.put(!old, "probe/"+id+"/a", nil)
			w.put(true, ledger.JobPrefix+"by-hand/"+id, nil)
		}
		if n := rng.IntN(8); stored[n] == 0 {
			stored[n] = age
		}
		for n, at := range stored {
			if at == age {
				w.put(true, ledger.PluginKey(plugin(n)), nil)
			}
		}
	}
	w.put(true, ledger.LeaseKey, nil)
	w.put(true, ledger.EpochKey(1), nil)
	w.put(true, ledger.InboxKey(ledger.NewJobID()), map[string]any{"v": 1, "nonce": "n", "spec": spec.Job{Plugins: map[string]string{"linux/amd64": plugin(7)}}})
	time.Sleep(time.Minute)
	for n, at := range stored {
		if at >= 30*day && !named[n] {
			delete(w.stays, ledger.PluginKey(plugin(n)))
		}
	}
	w.sweep()
}

// TestOutputOfAnother: what the next job stages in the same output is its own, however old it is.
func TestOutputOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, next := ledger.NewJobID(), ledger.NewJobID()
		w.claim("/out", first)
		w.add(job{id: first, phase: ledger.Failed, ended: 3 * day, out: "/out"})
		w.claim("/out", next)
		w.stage(true, "/out", output.PartName(0, output.TSV))
		w.add(job{id: next, phase: ledger.Running, out: "/out"})
		time.Sleep(3 * day)
		maps.Copy(w.held, w.goes) // parts of the first cannot be told from those of the live job
		clear(w.goes)
		delete(w.stays, ledger.SweptKey(first))
		w.sweep()
	})
}

// TestCrash: a removal that is cut short after any step is finished by the next.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for cut := range 20 {
			w := newWorld(t)
			w.add(job{id: ledger.NewJobID(), phase: ledger.Failed, ended: 40 * day, out: "/out"})
			time.Sleep(40 * day)
			dying := &cutStore{Store: w.store, left: cut}
			for item, err := range gc.Find(t.Context(), gc.Config{Store: dying, Places: w}) {
				w.must(err)
				_ = item.Remove(t.Context(), 0) // dies on the way, or does not come that far
			}
			time.Sleep(2 * day)
			for range 2 {
				w.collect(gc.Config{Store: w.store, Places: w}, true)
			}
			if left := w.keys(); len(left) > 0 {
				t.Fatalf("cut after %d deletions: %v are left", cut, left)
			}
		}
	})
}

// cutStore deletes so many objects, and then no more.
type cutStore struct {
	storage.Store

	mu   sync.Mutex
	left int // guarded by mu
}

func (s *cutStore) Delete(ctx context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left < 0 {
		return storage.ErrUnknown
	}
	return s.Store.Delete(ctx, key)
}
