package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/faulty"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/metered"
	"github.com/mrctl/mrctl/storage/retry"
	"github.com/mrctl/mrctl/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return retry.New(mem.New(), retry.Options{}) })
}

// TestContractOverFaults holds the contract over a network that fails each tenth of the calls that may be repeated.
func TestContractOverFaults(t *testing.T) {
	seed := uint64(0)
	storagetest.Run(t, func(*testing.T) storage.Store {
		seed++
		plan := faulty.Random(seed, faulty.Rates{LoseRequest: 0.02, LoseReply: 0.02, Delay: 0.02, Refuse: 0.02, Cut: 0.02, MaxWait: time.Millisecond})
		plan = faulty.Only(plan, faulty.Get, faulty.Open, faulty.Stat, faulty.Publish, faulty.Discard, faulty.List, faulty.Delete, faulty.Pending)
		return retry.New(faulty.New(mem.New(), plan), retry.Options{Attempts: 12, Base: time.Millisecond, Most: 2 * time.Millisecond, Share: 1})
	})
}

var lost = faulty.Fault{Kind: faulty.LoseReply}

// calls runs f on a store that fails every call of op after it has happened, and counts what reaches the store.
func calls(t *testing.T, op faulty.Op, f func(storage.Store) error) (uint64, error) {
	t.Helper()
	meter := metered.New(mem.New())
	w, err := meter.Create(t.Context(), "staged", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stage(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := meter.Snapshot()[metered.Op(op)].Calls
	s := retry.New(faulty.New(meter, faulty.Script(faulty.Rule{Op: op, Count: -1, Fault: lost})), retry.Options{Attempts: 4})
	err = f(s)
	return meter.Snapshot()[metered.Op(op)].Calls - before, err
}

func TestWhatIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var token storage.Token
		for op, c := range map[faulty.Op]struct {
			calls uint64
			f     func(storage.Store) error
		}{
			faulty.PutIf: {1, func(s storage.Store) error {
				_, err := s.PutIf(ctx, "k", nil, "")
				return err
			}},
			faulty.Create: {1, func(s storage.Store) error {
				_, err := s.Create(ctx, "k", nil)
				return err
			}},
			faulty.Stage: {1, func(s storage.Store) error {
				w, err := s.Create(ctx, "k", nil)
				if err != nil {
					return err
				}
				_, err = w.Stage(ctx)
				return err
			}},
			faulty.Publish: {4, func(s storage.Store) error {
				w, err := s.Create(ctx, "k", nil)
				if err != nil {
					return err
				}
				if token, err = w.Stage(ctx); err != nil {
					return err
				}
				_, err = s.Publish(ctx, token)
				return err
			}},
			faulty.Delete: {4, func(s storage.Store) error { return s.Delete(ctx, "k") }},
		} {
			if n, err := calls(t, op, c.f); n != c.calls || !errs.Is(err, errs.Unavailable) {
				t.Errorf("%s reached the store %d times, want %d, and gave %v", op, n, c.calls, err)
			}
		}
	})
}

func TestWhatIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		meter := metered.New(mem.New())
		s := retry.New(meter, retry.Options{})
		if _, _, err := s.Get(t.Context(), "absent"); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("Get: %v", err)
		}
		if _, err := s.Publish(t.Context(), "no token"); !errs.Is(err, errs.Invalid) {
			t.Errorf("Publish: %v", err)
		}
		for op, st := range meter.Snapshot() {
			if st.Calls != 1 {
				t.Errorf("%s was called %d times", op, st.Calls)
			}
		}
	})
}

func TestEndOfContextBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := faulty.Script(faulty.Rule{Op: faulty.Get, Count: -1, Fault: faulty.Fault{Kind: faulty.Refuse}})
		s := retry.New(faulty.New(mem.New(), plan), retry.Options{Attempts: 1000, Base: time.Hour, Most: time.Hour})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		start := time.Now()
		_, _, err := s.Get(ctx, "k")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Minute {
			t.Errorf("Get gave %v after %v", err, time.Since(start))
		}
	})
}

func TestListGoesOnAfterTheLastKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New()
		for i := range 100 {
			if _, err := inner.PutIf(t.Context(), fmt.Sprintf("k/%02d", i), nil, ""); err != nil {
				t.Fatal(err)
			}
		}
		// Each listing breaks off after three keys: more often than there are attempts.
		plan := faulty.Script(faulty.Rule{Op: faulty.List, Count: -1, Fault: faulty.Fault{Kind: faulty.Cut, At: 0.3}})
		s := retry.New(faulty.New(inner, plan), retry.Options{Attempts: 2})
		n := 0
		for info, err := range s.List(t.Context(), "k/", "") {
			if want := fmt.Sprintf("k/%02d", n); err != nil || info.Key != want {
				t.Fatalf("List gave %q, %v, want %s", info.Key, err, want)
			}
			n++
		}
		if n != 100 {
			t.Errorf("List gave %d keys", n)
		}
	})
}

func TestBodyIsNotReadOnInAnotherVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New()
		old := bytes.Repeat([]byte("a"), 1000)
		v, err := inner.PutIf(t.Context(), "k", old, "")
		if err != nil {
			t.Fatal(err)
		}
		plan := faulty.Script(faulty.Rule{Op: faulty.Open, Fault: faulty.Fault{Kind: faulty.Cut, At: 0.5}})
		s := retry.New(faulty.New(inner, plan), retry.Options{})
		r, _, err := s.Open(t.Context(), "k", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := inner.PutIf(t.Context(), "k", bytes.Repeat([]byte("b"), 1000), v); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); len(got) != 500 || !errors.Is(err, storage.ErrPrecondition) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
	})
}
