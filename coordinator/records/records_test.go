package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

type fates = func(ledgertest.Call) ledgertest.Fate

func always() bool { return true }

func open(t *testing.T, s *ledgertest.Store, epoch uint64, f fates) (*Book, *ledgertest.Client) {
	holder := fmt.Sprint("holder", epoch)
	c := s.Client(holder, f)
	return Open(c, epoch, holder, always, zaptest.NewLogger(t)), c
}

// submit puts a job into the inbox.
func submit(t *testing.T, s *ledgertest.Store) string {
	t.Helper()
	sp := spec.Job{Name: "wc", Plugins: map[string]string{"linux/amd64": fmt.Sprintf("%064x", 7)}, Stage: []byte("described"), Inputs: []string{"/in"}}
	id := ledger.JobIDFor(sp)
	if err := ledger.SubmitInbox(t.Context(), s.Client("client", nil), id, sp); err != nil {
		t.Fatal(err)
	}
	return id
}

func accept(t *testing.T, b *Book, id string) *Chain {
	t.Helper()
	c, err := b.Accept(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stored is a job's record as it lies in the store.
func stored(t *testing.T, s *ledgertest.Store, id string) ledger.Job {
	t.Helper()
	j, err := ledger.DecodeJob(id, s.Read(ledger.JobKey(id)))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func inbox(t *testing.T, b *Book) []string {
	t.Helper()
	var ids []string
	for id, err := range b.Inbox(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// warn is an update that leaves a trace.
func warn(text string) func(*ledger.Job) {
	return func(j *ledger.Job) { j.Warnings = append(j.Warnings, text) }
}

func to(p ledger.Phase) func(*ledger.Job) { return func(j *ledger.Job) { j.Phase = p } }

func isPut(c ledgertest.Call) bool { return c.Op == ledgertest.PutIf }

// run runs a test under simulated time.
func run(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestLifeOfAJob(t *testing.T) {
	s := ledgertest.New()
	id := submit(t, s)
	b, _ := open(t, s, 1, nil)
	if got := inbox(t, b); !slices.Equal(got, []string{id}) {
		t.Fatalf("inbox %v", got)
	}
	c := accept(t, b, id)
	if j := c.Job(); j.Phase != ledger.Planning || j.Epoch != 1 || j.Claims != 1 || j.Spec.Name != "wc" || j.Started.IsZero() || c.ID() != id {
		t.Errorf("accepted %+v", j)
	}
	if again := accept(t, b, id); again != c {
		t.Error("accepted twice")
	}
	if got := inbox(t, b); got != nil {
		t.Errorf("inbox yields what is in the book: %v", got)
	}
	for i, p := range []ledger.Phase{ledger.Running, ledger.Committing, ledger.Done} {
		if err := c.Update(t.Context(), to(p)); err != nil {
			t.Fatal(err)
		}
		if j := stored(t, s, id); j.Phase != p || j.Seq != uint64(i+2) {
			t.Errorf("stored %+v", j)
		}
	}
	if s.Read(ledger.InboxKey(id)) != nil || string(s.Read(ledger.EndedKey(id))) != "done" {
		t.Error("an ended job is not where those belong")
	}
	if err := c.Update(t.Context(), to(ledger.Done)); err != nil {
		t.Errorf("ending it once more: %v", err)
	}
	for _, change := range []func(*ledger.Job){to(ledger.Failed), warn("late")} {
		if err := c.Update(t.Context(), change); !errs.Is(err, errs.Conflict) {
			t.Errorf("changing it after its end: %v", err)
		}
	}
	if got := slices.Collect(keysOf(b.Jobs(t.Context()))); got != nil {
		t.Errorf("live jobs %v", got)
	}
}

func keysOf[K, V any](seq func(func(K, V) bool)) func(func(K) bool) {
	return func(yield func(K) bool) { seq(func(k K, _ V) bool { return yield(k) }) }
}

func TestUpdateGuardsWhatIsNotItsBusiness(t *testing.T) {
	s := ledgertest.New()
	id := submit(t, s)
	b, _ := open(t, s, 1, nil)
	c := accept(t, b, id)
	if err := c.Update(t.Context(), func(j *ledger.Job) { *j = ledger.Job{Phase: ledger.Running, Spec: spec.Job{Name: "other"}, Epoch: 9} }); err != nil {
		t.Fatal(err)
	}
	if j := stored(t, s, id); j.ID != id || j.Epoch != 1 || j.Spec.Name != "wc" || j.Claims != 1 || j.Seq != 2 {
		t.Errorf("stored %+v", j)
	}
	for name, bad := range map[string]func(*ledger.Job){
		"back": to(ledger.Planning), "past the commit": to(ledger.Done), "lower generation": func(j *ledger.Job) { j.Gen = -1 },
		"too large": func(j *ledger.Job) { j.Warnings = []string{strings.Repeat("x", storage.MaxRecord)} },
	} {
		if err := c.Update(t.Context(), bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Once it commits it only goes forward, but for winners that prove unusable.
	if err := c.Update(t.Context(), to(ledger.Committing)); err != nil {
		t.Fatal(err)
	}
	if err := c.Update(t.Context(), to(ledger.Running)); !errs.Is(err, errs.Invalid) {
		t.Errorf("from committing to running in one generation: %v", err)
	}
	if err := c.Update(t.Context(), func(j *ledger.Job) { j.Phase, j.Gen = ledger.Running, 1 }); err != nil {
		t.Error(err)
	}
	j := c.Job()
	j.Warnings = append(j.Warnings, "mine")
	if len(c.Job().Warnings) != 0 {
		t.Error("a copy shares memory with the chain")
	}
}

// A new leader claims what is there; the old one's next write fails, and its book is closed.
func TestClaimFences(t *testing.T) {
	s := ledgertest.New()
	id := submit(t, s)
	old, _ := open(t, s, 1, nil)
	oldChain := accept(t, old, id)
	if err := oldChain.Update(t.Context(), warn("before")); err != nil {
		t.Fatal(err)
	}
	next, _ := open(t, s, 2, nil)
	if got := inbox(t, next); !slices.Equal(got, []string{id}) {
		t.Fatalf("a job under way is not found: %v", got)
	}
	c, err := next.Claim(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if j := c.Job(); j.Epoch != 2 || j.Claims != 2 || !slices.Equal(j.Warnings, []string{"before"}) {
		t.Errorf("claimed %+v", j)
	}
	if err := oldChain.Update(t.Context(), warn("after")); !errs.Is(err, errs.Fenced) || !old.Fenced() {
		t.Errorf("the old leader writes: %v", err)
	}
	if _, err := old.Accept(t.Context(), submit(t, s)); !errs.Is(err, errs.Fenced) {
		t.Errorf("the old leader accepts: %v", err)
	}
	if _, err := old.Claim(t.Context(), id); err != nil {
		t.Errorf("what is in the book is given: %v", err)
	}
	third, _ := open(t, s, 1, nil)
	if _, err := third.Claim(t.Context(), id); !errs.Is(err, errs.Fenced) {
		t.Errorf("a lower epoch claims: %v", err)
	}
	if _, err := next.Claim(t.Context(), ledger.NewJobID()); !errs.Is(err, errs.NotFound) {
		t.Errorf("a job without a record: %v", err)
	}
	if j := stored(t, s, id); j.Epoch != 2 || !slices.Equal(j.Warnings, []string{"before"}) {
		t.Errorf("stored %+v", j)
	}
}

// The old leader writes between the new one's reading and its claim: the write is kept.
func TestWriteDuringClaim(t *testing.T) {
	run(t, func(t *testing.T) {
		s := ledgertest.New()
		id := submit(t, s)
		old, _ := open(t, s, 1, nil)
		oldChain := accept(t, old, id)
		late := 0
		next, _ := open(t, s, 2, func(c ledgertest.Call) ledgertest.Fate {
			if isPut(c) && late < 3 {
				late++
				if err := oldChain.Update(context.Background(), warn(fmt.Sprint("late", late))); err != nil {
					t.Error(err)
				}
			}
			return ledgertest.Fate{}
		})
		c := accept(t, next, id)
		if j := c.Job(); !slices.Equal(j.Warnings, []string{"late1", "late2", "late3"}) || j.Epoch != 2 || j.Claims != 2 {
			t.Errorf("claimed %+v", j)
		}
	})
}

// Whatever is lost on the way, an acknowledged update is there once, in order.
func TestAmbiguousUpdates(t *testing.T) {
	for name, fate := range map[string]ledgertest.Fate{
		"reply lost":     {Err: storage.ErrUnknown},
		"request lost":   {Dropped: true, Err: storage.ErrUnknown},
		"no answer":      {Silent: true},
		"late":           {Before: 15 * time.Second},
		"very late":      {Before: 50 * time.Second},
		"said to exist":  {Err: storage.ErrPrecondition}, // a client below that retries makes a win look like this
		"refused, wrong": {Dropped: true, Err: storage.ErrPrecondition},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := ledgertest.New()
				id := submit(t, s)
				b, _ := open(t, s, 1, func(c ledgertest.Call) ledgertest.Fate {
					if isPut(c) && c.N%3 != 0 {
						return fate
					}
					return ledgertest.Fate{}
				})
				c := accept(t, b, id)
				var want []string
				for i := range 20 {
					want = append(want, fmt.Sprint(i))
					if err := c.Update(t.Context(), warn(want[i])); err != nil {
						t.Fatal(err)
					}
				}
				s.Settle()
				if j := stored(t, s, id); !slices.Equal(j.Warnings, want) || j.Seq != 21 {
					t.Errorf("stored %v, seq %d", j.Warnings, j.Seq)
				}
			})
		})
	}
}

// Updates that were given up on take effect once or not at all, and the next one builds on what became of them.
func TestUpdateGivenUp(t *testing.T) {
	for name, fate := range map[string]ledgertest.Fate{
		"applied": {Silent: true}, "lost": {Dropped: true, Silent: true}, "late": {Before: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := ledgertest.New()
				id := submit(t, s)
				bad := false
				b, _ := open(t, s, 1, func(ledgertest.Call) ledgertest.Fate {
					if bad {
						return fate
					}
					return ledgertest.Fate{}
				})
				c := accept(t, b, id)
				bad = true
				for range 2 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					if err := c.Update(ctx, warn("doubt")); !errors.Is(err, context.DeadlineExceeded) && !errs.Is(err, errs.Unavailable) {
						t.Errorf("given up: %v", err)
					}
					cancel()
				}
				bad = false
				if err := c.Update(t.Context(), warn("sure")); err != nil {
					t.Fatal(err)
				}
				s.Settle()
				want := []string{"doubt", "sure"}
				if name != "applied" {
					want = want[1:] // the later update replaced the version they were built on
				}
				if j := stored(t, s, id); !slices.Equal(j.Warnings, want) {
					t.Errorf("stored %v, want %v", j.Warnings, want)
				}
			})
		})
	}
}

func TestEndInDoubt(t *testing.T) {
	run(t, func(t *testing.T) {
		s := ledgertest.New()
		id := submit(t, s)
		var fate ledgertest.Fate
		b, _ := open(t, s, 1, func(ledgertest.Call) ledgertest.Fate { return fate })
		c := accept(t, b, id)
		fate = ledgertest.Fate{Silent: true}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Update(ctx, to(ledger.Cancelled)); err == nil {
			t.Fatal("no error though nothing was answered")
		}
		fate = ledgertest.Fate{}
		if err := c.Update(t.Context(), to(ledger.Cancelled)); err != nil {
			t.Fatal(err)
		}
		if j := stored(t, s, id); j.Phase != ledger.Cancelled || s.Read(ledger.InboxKey(id)) != nil {
			t.Errorf("stored %+v", j)
		}
	})
}

// The claim of a leader that gave up on it and tries again.
func TestClaimAgain(t *testing.T) {
	run(t, func(t *testing.T) {
		for _, first := range []bool{true, false} { // the job is new, or another leader's
			s := ledgertest.New()
			id := submit(t, s)
			if !first {
				old, _ := open(t, s, 1, nil)
				accept(t, old, id)
			}
			b, _ := open(t, s, 2, func(c ledgertest.Call) ledgertest.Fate {
				if isPut(c) && c.N < 6 {
					return ledgertest.Fate{Before: 4 * time.Second}
				}
				return ledgertest.Fate{}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := b.Accept(ctx, id); err == nil {
				t.Fatal("no error though nothing was answered")
			}
			c := accept(t, b, id)
			s.Settle()
			if err := c.Update(t.Context(), warn("x")); err != nil {
				t.Error(err)
			}
			if j := stored(t, s, id); j.Epoch != 2 || !slices.Equal(j.Warnings, []string{"x"}) {
				t.Errorf("stored %+v", j)
			}
		}
	})
}

// A leader dies after each of its calls in turn, from the acceptance to the end of a job: the next one always finds it and finishes it.
func TestCrashAtEachStep(t *testing.T) {
	s := ledgertest.New()
	b, c := open(t, s, 1, nil)
	live(t.Context(), b, submit(t, s))
	total := len(c.Calls())
	if total != 8 {
		t.Errorf("a life takes %d calls: get job, get inbox, create job, 3 updates, create ended, delete inbox make 8", total)
	}
	for dieAt := 1; dieAt <= total; dieAt++ {
		for _, sent := range []bool{false, true} { // the last call still reaches the store, or not
			run(t, func(t *testing.T) {
				s := ledgertest.New()
				id := submit(t, s)
				ctx, die := context.WithCancel(t.Context())
				defer die()
				var client *ledgertest.Client
				b, client := open(t, s, 1, func(c ledgertest.Call) ledgertest.Fate {
					if c.N == dieAt {
						client.Kill()
						die()
						return ledgertest.Fate{Dropped: !sent, Silent: true}
					}
					return ledgertest.Fate{}
				})
				live(ctx, b, id)
				s.Settle()
				next, _ := open(t, s, 2, nil)
				for range 2 { // the second look clears what the first left
					for _, id := range inbox(t, next) {
						live(t.Context(), next, id)
					}
				}
				if j := stored(t, s, id); j.Phase != ledger.Done {
					t.Errorf("died at call %d (sent %v): job is %s", dieAt, sent, j.Phase)
				}
				if s.Read(ledger.InboxKey(id)) != nil || s.Read(ledger.EndedKey(id)) == nil {
					t.Errorf("died at call %d (sent %v): not settled", dieAt, sent)
				}
			})
		}
	}
}

// live takes a job through its life, as far as it gets.
func live(ctx context.Context, b *Book, id string) {
	c, err := b.Accept(ctx, id)
	life := []ledger.Phase{ledger.Planning, ledger.Running, ledger.Committing, ledger.Done}
	for err == nil && !c.Job().Phase.Ended() {
		err = c.Update(ctx, to(life[slices.Index(life, c.Job().Phase)+1]))
	}
}

// A submission that shows up again after its job has ended is cleared, and does not bring the job back.
func TestStaleInboxEntry(t *testing.T) {
	s := ledgertest.New()
	id := submit(t, s)
	entry := s.Read(ledger.InboxKey(id))
	b, _ := open(t, s, 1, nil)
	live(t.Context(), b, id)
	before := s.Read(ledger.JobKey(id))
	s.Set(ledger.InboxKey(id), entry)
	for _, id := range inbox(t, b) {
		if j := accept(t, b, id).Job(); j.Phase != ledger.Done {
			t.Errorf("accepted %+v", j)
		}
	}
	if s.Read(ledger.InboxKey(id)) != nil || string(s.Read(ledger.JobKey(id))) != string(before) {
		t.Error("the entry is still there, or the record has changed")
	}
}

func TestBadInboxEntries(t *testing.T) {
	s := ledgertest.New()
	garbage, wrong, newer := ledger.NewJobID(), ledger.NewJobID(), ledger.NewJobID()
	s.Set(ledger.InboxKey(garbage), []byte("{"))
	s.Set(ledger.InboxKey(wrong), []byte(`{"v":1,"spec":{"name":"UPPER"}}`))
	s.Set(ledger.InboxKey(newer), []byte(`{"v":2}`))
	s.Set(ledger.InboxPrefix+"README", []byte("hello"))
	b, _ := open(t, s, 1, nil)
	if got := inbox(t, b); len(got) != 3 {
		t.Fatalf("inbox %v", got)
	}
	for _, id := range []string{garbage, wrong} {
		if j := accept(t, b, id).Job(); j.Phase != ledger.Failed || j.Error == "" || s.Read(ledger.InboxKey(id)) != nil {
			t.Errorf("accepted %+v", j)
		}
	}
	if j := stored(t, s, garbage); j.ErrorKind != errs.Corrupt {
		t.Errorf("stored %+v", j)
	}
	if _, err := b.Accept(t.Context(), newer); !errors.Is(err, ledger.ErrNewer) || s.Read(ledger.JobKey(newer)) != nil {
		t.Errorf("an entry for a newer coordinator: %v", err)
	}
	if _, err := b.Accept(t.Context(), "README"); !errs.Is(err, errs.Invalid) {
		t.Errorf("no id: %v", err)
	}
}

func TestInvalidTermWritesNothing(t *testing.T) {
	s := ledgertest.New()
	id := submit(t, s)
	valid := true
	c := s.Client("a", nil)
	b := Open(c, 1, "a", func() bool { return valid }, zaptest.NewLogger(t))
	chain := accept(t, b, id)
	valid = false
	before := len(c.Calls())
	if err := chain.Update(t.Context(), warn("x")); !errs.Is(err, errs.Fenced) || len(c.Calls()) != before {
		t.Errorf("update: %v", err)
	}
	if _, err := b.Accept(t.Context(), submit(t, s)); !errs.Is(err, errs.Fenced) {
		t.Errorf("accept: %v", err)
	}
}

func TestRecordTampered(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(s *ledgertest.Store, key string, old []byte)
		kind   errs.Kind
	}{
		"wiped":    {func(s *ledgertest.Store, key string, _ []byte) { s.Remove(key) }, errs.Fenced},
		"garbage":  {func(s *ledgertest.Store, key string, _ []byte) { s.Set(key, []byte("{")) }, errs.Corrupt},
		"restored": {func(s *ledgertest.Store, key string, old []byte) { s.Set(key, old) }, errs.Corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			s := ledgertest.New()
			id := submit(t, s)
			b, _ := open(t, s, 1, nil)
			chain := accept(t, b, id)
			old := s.Read(ledger.JobKey(id))
			if err := chain.Update(t.Context(), warn("x")); err != nil {
				t.Fatal(err)
			}
			c.tamper(s, ledger.JobKey(id), old)
			if err := chain.Update(t.Context(), warn("y")); !errs.Is(err, c.kind) {
				t.Errorf("update: %v, want kind %v", err, c.kind)
			}
		})
	}
}

// Updates and acceptances from many goroutines each take effect once.
func TestConcurrent(t *testing.T) {
	s := ledgertest.New()
	id := submit(t, s)
	b, _ := open(t, s, 1, nil)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			c, err := b.Accept(t.Context(), id)
			if err == nil {
				err = c.Update(t.Context(), warn(fmt.Sprint(i)))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	j := stored(t, s, id)
	slices.Sort(j.Warnings)
	if len(slices.Compact(j.Warnings)) != 16 || j.Claims != 1 {
		t.Errorf("stored %+v", j)
	}
}

// What an older leader does not know survives its claim and its updates.
func TestNewerFieldsSurvive(t *testing.T) {
	s := ledgertest.New()
	id := submit(t, s)
	first, _ := open(t, s, 1, nil)
	accept(t, first, id)
	var m map[string]any
	if err := json.Unmarshal(s.Read(ledger.JobKey(id)), &m); err != nil {
		t.Fatal(err)
	}
	m["stages"] = []string{"a", "b"}
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	s.Set(ledger.JobKey(id), body)
	b, _ := open(t, s, 2, nil)
	if err := accept(t, b, id).Update(t.Context(), to(ledger.Running)); err != nil {
		t.Fatal(err)
	}
	m = nil
	if err := json.Unmarshal(s.Read(ledger.JobKey(id)), &m); err != nil || fmt.Sprint(m["stages"]) != "[a b]" || m["phase"] != "running" {
		t.Errorf("stored %v, %v", m, err)
	}
}
