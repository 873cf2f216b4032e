package lease

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
	"github.com/mrctl/mrctl/storage"
)

// With the default times: T 15 s, R 5 s, P 5 s, m 1 s.

// fates decide what befalls the calls of a candidate; nil is all well.
type fates = func(ledgertest.Call) ledgertest.Fate

// candidate is an elector that runs, and what came of it.
type candidate struct {
	*Elector
	client *ledgertest.Client
	stop   context.CancelFunc
	terms  chan Term     // each leadership as it begins
	ends   chan error    // the cause of its end, as lead's context has it
	gone   chan error    // what Run returned
	giveUp chan struct{} // a value makes lead return by itself
}

func start(t *testing.T, s *ledgertest.Store, holder string, f fates) *candidate {
	t.Helper()
	return startWith(t, s, Config{Holder: holder, Addr: holder + ":1"}, f)
}

func startWith(t *testing.T, s *ledgertest.Store, cfg Config, f fates) *candidate {
	t.Helper()
	client := s.Client(cfg.Holder, f)
	ctx, stop := context.WithCancel(t.Context())
	c := &candidate{
		Elector: New(client, cfg, zaptest.NewLogger(t)), client: client, stop: stop,
		terms: make(chan Term, 100), ends: make(chan error, 100), gone: make(chan error, 1), giveUp: make(chan struct{}),
	}
	go func() {
		c.gone <- c.Run(ctx, func(ctx context.Context, term Term) error {
			c.terms <- term
			select {
			case <-ctx.Done():
				c.ends <- context.Cause(ctx)
				return context.Cause(ctx)
			case <-c.giveUp:
				return errors.New("enough")
			}
		})
	}()
	t.Cleanup(func() { stop(); s.Settle() })
	return c
}

// leads fails the test unless the candidate begins to lead within d, and gives the term and how long it took.
func (c *candidate) leads(t *testing.T, d time.Duration) (Term, time.Duration) {
	t.Helper()
	begin := time.Now()
	select {
	case term := <-c.terms:
		if !term.Valid() {
			t.Fatalf("%s leads without a valid term", c.Holder())
		}
		return term, time.Since(begin)
	case <-time.After(d + 1): // what takes no time at all comes before this
		t.Fatalf("%s does not lead after %v", c.Holder(), d)
	}
	panic("unreachable")
}

// quit ends the candidate in good order.
func (c *candidate) quit(t *testing.T) {
	t.Helper()
	c.stop()
	if err := <-c.gone; err != nil {
		t.Errorf("%s: Run returned %v", c.Holder(), err)
	}
}

func held(t *testing.T, s *ledgertest.Store) ledger.Lease {
	t.Helper()
	l, err := ledger.DecodeLease(s.Read(ledger.LeaseKey))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (c *candidate) ops() []string {
	var ops []string
	for _, call := range c.client.Calls() {
		ops = append(ops, string(call.Op)+" "+call.Key)
	}
	return ops
}

func isPut(c ledgertest.Call, key string) bool { return c.Op == ledgertest.PutIf && c.Key == key }

// sim runs a test under simulated time. Every candidate must have been ended by then.
func sim(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestFirstElectionIsFourCallsAndNoWait(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		c := start(t, s, "a", nil)
		term, took := c.leads(t, time.Minute)
		if took != 0 || term.Epoch != 1 {
			t.Errorf("epoch %d after %v", term.Epoch, took)
		}
		want := []string{"get lease", "list lease.epochs/", "put lease", "put lease.epochs/00000000000000000001"}
		if got := c.ops(); !slices.Equal(got, want) {
			t.Errorf("calls %q, want %q", got, want)
		}
		if l, ok := c.Leader(); !ok || l.Addr != "a:1" {
			t.Errorf("leader %+v", l)
		}
		c.quit(t)
	})
}

func TestReleaseFreesAndNeverDeletes(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		s.OnApply = func(a ledgertest.Applied) {
			if a.Op == ledgertest.Delete {
				t.Errorf("%s deletes %s", a.Client, a.Key)
			}
		}
		a := start(t, s, "a", nil)
		term, _ := a.leads(t, 0)
		b := start(t, s, "b", nil)
		time.Sleep(20 * time.Second)
		a.quit(t)
		if l := held(t, s); !l.Free || l.Epoch != 1 || l.Led() || term.Valid() {
			t.Errorf("after a clean exit: %+v, valid %v", l, term.Valid())
		}
		if next, took := b.leads(t, 6*time.Second); next.Epoch != 2 {
			t.Errorf("successor leads epoch %d after %v", next.Epoch, took)
		}
		b.quit(t)
	})
}

// A nudged candidate looks at once: a hand-over need not cost a poll.
func TestNudge(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		a := start(t, s, "a", nil)
		a.leads(t, 0)
		b := start(t, s, "b", nil)
		time.Sleep(time.Second)
		a.quit(t)
		b.Nudge()
		if _, took := b.leads(t, time.Minute); took != 0 {
			t.Errorf("took %v", took)
		}
		b.quit(t)
	})
}

func TestStandbyTakesAfterCrash(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		a := start(t, s, "a", nil)
		old, _ := a.leads(t, 0)
		b := start(t, s, "b", nil)
		time.Sleep(12 * time.Second)
		begin := time.Now()
		a.client.Kill()
		if term, took := b.leads(t, 20*time.Second); term.Epoch != 2 || took < 10*time.Second {
			t.Errorf("epoch %d, after %v of at least T-R", term.Epoch, took)
		}
		if old.Valid() {
			t.Error("the old term is still valid")
		}
		t.Logf("fail-over after %v", time.Since(begin))
		a.quit(t)
		b.quit(t)
	})
}

func TestCandidateWaitsForLeaderWithLongerTTL(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		s.Set(ledger.LeaseKey, ledger.Lease{V: 1, Epoch: 5, Holder: "x", TTL: 60_000}.Encode())
		c := start(t, s, "a", nil)
		if term, took := c.leads(t, 2*time.Minute); took != time.Minute || term.Epoch != 6 {
			t.Errorf("epoch %d after %v", term.Epoch, took)
		}
		c.quit(t)
	})
}

func TestUnreadableLeaseIsHeldForT(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		s.Set(ledger.LeaseKey, []byte("no lease"))
		s.Set(ledger.EpochKey(41), []byte("x"))
		c := start(t, s, "a", nil)
		if term, took := c.leads(t, time.Minute); took != 15*time.Second || term.Epoch != 42 {
			t.Errorf("epoch %d after %v; want 42 after T", term.Epoch, took)
		}
		c.quit(t)
	})
}

func TestNewerLeaseRefuses(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		s.Set(ledger.LeaseKey, []byte(`{"v":2}`))
		c := start(t, s, "a", nil)
		if err := <-c.gone; !errs.Is(err, errs.Invalid) || !errors.Is(err, ledger.ErrNewer) {
			t.Errorf("Run returned %v", err)
		}
	})
	sim(t, func(t *testing.T) { // it appears under a leader
		s := ledgertest.New()
		c := start(t, s, "a", nil)
		c.leads(t, 0)
		s.Set(ledger.LeaseKey, []byte(`{"v":2}`))
		if err := <-c.gone; !errors.Is(err, ledger.ErrNewer) {
			t.Errorf("Run returned %v", err)
		}
		if cause := <-c.ends; !errs.Is(cause, errs.Fenced) {
			t.Errorf("stepped down for %v", cause)
		}
	})
}

func TestEpochIsAboveRecordAndMarkers(t *testing.T) {
	for _, c := range []struct{ record, marker, want uint64 }{{7, 3, 8}, {3, 7, 8}, {0, 9, 10}, {4, 0, 5}} {
		sim(t, func(t *testing.T) {
			s := ledgertest.New()
			if c.record > 0 {
				s.Set(ledger.LeaseKey, ledger.Lease{V: 1, Epoch: c.record, Holder: "x", Free: true}.Encode())
			}
			if c.marker > 0 {
				s.Set(ledger.EpochKey(c.marker), []byte("y"))
			}
			e := start(t, s, "a", nil)
			if term, took := e.leads(t, time.Minute); term.Epoch != c.want || took != 0 {
				t.Errorf("record %d, marker %d: epoch %d after %v, want %d", c.record, c.marker, term.Epoch, took, c.want)
			}
			e.quit(t)
		})
	}
}

// The marker turns out to be another's: this epoch has been led, and the next one is taken.
func TestEpochMarkedByAnother(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		c := start(t, s, "a", func(c ledgertest.Call) ledgertest.Fate {
			if c.N == 3 { // after the listing
				s.Set(ledger.EpochKey(1), []byte("b"))
			}
			return ledgertest.Fate{}
		})
		if term, took := c.leads(t, time.Minute); term.Epoch != 2 || took != 0 {
			t.Errorf("epoch %d after %v", term.Epoch, took)
		}
		if string(s.Read(ledger.EpochKey(1))) != "b" || string(s.Read(ledger.EpochKey(2))) != "a" {
			t.Error("markers are not whose they should be")
		}
		c.quit(t)
	})
}

// Nobody leads before his marker is known to be there, and nobody tries longer than his lease lasts.
func TestMarkerInDoubt(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		var bad atomic.Bool
		bad.Store(true)
		c := start(t, s, "a", func(c ledgertest.Call) ledgertest.Fate {
			if isPut(c, ledger.EpochKey(1)) && bad.Load() {
				return ledgertest.Fate{Dropped: true, Err: storage.ErrUnknown}
			}
			return ledgertest.Fate{}
		})
		time.Sleep(13 * time.Second)
		if len(c.terms) != 0 {
			t.Error("leads without a marker")
		}
		bad.Store(false)
		if term, took := c.leads(t, 2*time.Second); term.Epoch != 1 {
			t.Errorf("epoch %d after %v", term.Epoch, took)
		}
		c.quit(t)
	})
}

func TestReplyToAcquireLost(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		first := true
		c := start(t, s, "a", func(c ledgertest.Call) ledgertest.Fate {
			if isPut(c, ledger.LeaseKey) && first {
				first = false
				return ledgertest.Fate{Silent: true}
			}
			return ledgertest.Fate{}
		})
		// It finds its own record, and takes it again under the next epoch, at once.
		if term, took := c.leads(t, time.Minute); term.Epoch != 2 || took > 15*time.Second/7 {
			t.Errorf("epoch %d after %v", term.Epoch, took)
		}
		c.quit(t)
	})
}

// An acquisition that lands long after it was given up, when another leads, changes nothing: its version is gone.
func TestDelayedAcquire(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		a := start(t, s, "a", func(c ledgertest.Call) ledgertest.Fate {
			if isPut(c, ledger.LeaseKey) {
				return ledgertest.Fate{Before: 40 * time.Second}
			}
			return ledgertest.Fate{}
		})
		time.Sleep(time.Second)
		a.client.Kill()
		b := start(t, s, "b", nil)
		b.leads(t, 0)
		s.Settle()
		if l := held(t, s); l.Holder != "b" {
			t.Errorf("lease %+v", l)
		}
		if len(b.ends) != 0 {
			t.Error("the leader was disturbed")
		}
		a.quit(t)
		b.quit(t)
	})
}

// A renewal of ours whose reply is lost is recognised and built upon; the leadership goes on.
func TestReplyToRenewLostIsAdopted(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		c := start(t, s, "a", func(c ledgertest.Call) ledgertest.Fate {
			if isPut(c, ledger.LeaseKey) && c.N > 4 && c.N%3 != 0 {
				return ledgertest.Fate{Err: storage.ErrUnknown} // applied
			}
			return ledgertest.Fate{}
		})
		term, _ := c.leads(t, 0)
		time.Sleep(10 * time.Minute)
		if !term.Valid() || len(c.ends) != 0 || held(t, s).Epoch != 1 {
			t.Errorf("valid %v, stepped down %d times, lease %+v", term.Valid(), len(c.ends), held(t, s))
		}
		c.quit(t)
	})
}

// Adoption keeps the lease, but only a renewal whose reply came prolongs its time.
func TestAdoptionProlongsNothing(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		var bad atomic.Bool
		bad.Store(true)
		c := start(t, s, "a", func(c ledgertest.Call) ledgertest.Fate {
			if isPut(c, ledger.LeaseKey) && c.N > 4 && bad.Load() {
				return ledgertest.Fate{Err: storage.ErrUnknown} // applied, every time
			}
			return ledgertest.Fate{}
		})
		term, _ := c.leads(t, 0)
		time.Sleep(14*time.Second - 1)
		if !term.Valid() {
			t.Error("the term ended early")
		}
		time.Sleep(1)
		synctest.Wait()
		if term.Valid() {
			t.Error("the term is valid after T-m without an answered renewal")
		}
		if cause := <-c.ends; !errs.Is(cause, errs.Fenced) {
			t.Errorf("stepped down for %v", cause)
		}
		bad.Store(false)
		// Whoever comes back takes a new epoch.
		if next, _ := c.leads(t, time.Minute); next.Epoch == term.Epoch {
			t.Errorf("epoch %d was led twice", next.Epoch)
		}
		c.quit(t)
	})
}

func TestStepsDownBeforeItsTimeIsUp(t *testing.T) {
	for name, fate := range map[string]ledgertest.Fate{
		"silent": {Silent: true, Dropped: true}, "refusing": {Dropped: true, Err: errors.New("503")}, "in doubt": {Dropped: true, Err: storage.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			sim(t, func(t *testing.T) {
				s := ledgertest.New()
				var down atomic.Bool
				c := start(t, s, "a", func(ledgertest.Call) ledgertest.Fate {
					if down.Load() {
						return fate
					}
					return ledgertest.Fate{}
				})
				term, _ := c.leads(t, 0)
				time.Sleep(5*time.Second + time.Millisecond) // renewed once, at 5 s
				down.Store(true)
				begin := time.Now()
				<-c.ends
				if took := time.Since(begin).Round(time.Second); took != 14*time.Second || term.Valid() {
					t.Errorf("stepped down after %v, valid %v", took, term.Valid())
				}
				down.Store(false)
				if next, _ := c.leads(t, 10*time.Second); next.Epoch != 2 {
					t.Errorf("came back with epoch %d", next.Epoch)
				}
				c.quit(t)
			})
		})
	}
}

func TestLeaseTampered(t *testing.T) {
	for name, tamper := range map[string]func(*ledgertest.Store, []byte){
		"deleted":  func(s *ledgertest.Store, _ []byte) { s.Remove(ledger.LeaseKey) },
		"garbage":  func(s *ledgertest.Store, _ []byte) { s.Set(ledger.LeaseKey, []byte{0}) },
		"restored": func(s *ledgertest.Store, old []byte) { s.Set(ledger.LeaseKey, old) },
	} {
		t.Run(name, func(t *testing.T) {
			sim(t, func(t *testing.T) {
				s := ledgertest.New()
				old := ledger.Lease{V: 1, Epoch: 1, Holder: "x", Free: true}.Encode()
				s.Set(ledger.LeaseKey, old)
				c := start(t, s, "a", nil)
				c.leads(t, 0) // epoch 2
				time.Sleep(time.Second)
				tamper(s, old)
				if cause := <-c.ends; !errs.Is(cause, errs.Fenced) {
					t.Errorf("stepped down for %v", cause)
				}
				if term, _ := c.leads(t, 16*time.Second); term.Epoch != 3 {
					t.Errorf("epoch %d; the markers say 3", term.Epoch)
				}
				c.quit(t)
			})
		})
	}
}

// A lead that returns by its own wish gives the lease to others first.
func TestGiveUp(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		a := start(t, s, "a", nil)
		term, _ := a.leads(t, 0)
		b := start(t, s, "b", nil)
		time.Sleep(time.Second)
		a.giveUp <- struct{}{}
		b.leads(t, 6*time.Second)
		if term.Valid() {
			t.Error("a term given up is valid")
		}
		b.quit(t)
		a.leads(t, 6*time.Second)
		a.quit(t)
	})
}

// The lease is kept while lead winds up after the end of Run's context.
func TestKeptWhileWindingUp(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		ctx, stop := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		e := New(s.Client("a", nil), Config{Holder: "a"}, zaptest.NewLogger(t))
		go func() {
			gone <- e.Run(ctx, func(ctx context.Context, term Term) error {
				<-ctx.Done()
				time.Sleep(time.Minute)
				if !term.Valid() || held(t, s).Free {
					t.Error("the lease is not kept")
				}
				return nil
			})
		}()
		time.Sleep(time.Second)
		stop()
		if err := <-gone; err != nil || !held(t, s).Free {
			t.Errorf("Run returned %v, lease %+v", err, held(t, s))
		}
	})
}

// A machine that slept finds its term over, though its monotonic clock stood still.
func TestSleepCounts(t *testing.T) {
	sim(t, func(t *testing.T) {
		s := ledgertest.New()
		client := s.Client("a", nil)
		var slept time.Duration
		e := New(client, Config{Holder: "a"}, zaptest.NewLogger(t))
		e.clock.asleep = func() time.Duration { return slept }
		got, err := e.campaign(t.Context())
		if err != nil || !got.valid() {
			t.Fatal(err)
		}
		slept = 13 * time.Second
		if !got.valid() {
			t.Error("13 s of 14 are gone, and the term with them")
		}
		slept = 14 * time.Second
		if got.valid() || got.renewed(e.clock.now()) {
			t.Error("the term outlived a sleep longer than itself")
		}
		if err := e.renew(t.Context(), got, e.clock.now()); !errs.Is(err, errs.Fenced) {
			t.Errorf("renewed after waking: %v", err)
		}
	})
}

func TestAsleepStandsStillAwake(t *testing.T) {
	c := clock{asleep}
	begin := c.now()
	for range 1000 {
		if d, plain := c.since(begin), time.Since(begin.at); d > plain+time.Millisecond {
			t.Fatalf("%v after %v", d, plain)
		}
	}
}

func TestConfig(t *testing.T) {
	d := Config{TTL: 3 * time.Second}.withDefaults()
	if d.Renew != time.Second || d.Poll != time.Second || d.Margin != 200*time.Millisecond || d.Holder == "" || d.Holder == (Config{}).withDefaults().Holder || d.check() != nil {
		t.Errorf("defaults %+v: %v", d, d.check())
	}
	for _, bad := range []Config{{TTL: -1}, {TTL: time.Hour}, {Renew: 14 * time.Second}, {Poll: time.Minute}, {Margin: -1}} {
		if err := New(nil, bad, zaptest.NewLogger(t)).Run(t.Context(), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if (Term{}).Valid() {
		t.Error("the zero term is valid")
	}
}
