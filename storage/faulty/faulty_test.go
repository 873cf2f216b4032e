package faulty_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/bits"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/faulty"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/storagetest"
)

// Without faults, and with none but delays, the contract holds.
func TestContract(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return faulty.New(mem.New(), faulty.Script()) })
}

func TestContractDelayed(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store {
		return faulty.New(mem.New(), faulty.Random(1, faulty.Rates{Delay: 0.2, MaxWait: 500 * time.Microsecond}))
	})
}

func once(op faulty.Op, f faulty.Fault) faulty.Plan {
	return faulty.Script(faulty.Rule{Op: op, Fault: f})
}

func TestLostWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			kind    faulty.Kind
			happens bool
		}{{faulty.LoseRequest, false}, {faulty.LoseReply, true}, {faulty.Refuse, false}} {
			inner := mem.New()
			s := faulty.New(inner, once(faulty.PutIf, faulty.Fault{Kind: c.kind, Wait: time.Second}))
			if _, err := s.PutIf(t.Context(), "k", nil, ""); !errors.Is(err, storage.ErrUnknown) || !errs.Is(err, errs.Unavailable) {
				t.Errorf("kind %d: %v", c.kind, err)
			}
			if _, err := inner.Stat(t.Context(), "k"); (err == nil) != c.happens {
				t.Errorf("kind %d: it happened: %v", c.kind, err == nil)
			}
		}
	})
}

// A write that was given up lands long after, with the bytes it had.
func TestDelayedWriteLands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New()
		s := faulty.New(inner, once(faulty.PutIf, faulty.Fault{Kind: faulty.Delay, Wait: time.Minute}))
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		body := []byte("late")
		if _, err := s.PutIf(ctx, "k", body, ""); !errors.Is(err, storage.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("PutIf: %v", err)
		}
		copy(body, "gone")
		if _, err := inner.Stat(t.Context(), "k"); !errors.Is(err, storage.ErrNotExist) {
			t.Fatalf("it landed before its time: %v", err)
		}
		s.Wait()
		if got, _, err := inner.Get(t.Context(), "k"); err != nil || string(got) != "late" {
			t.Fatalf("it landed as %q, %v", got, err)
		}
	})
}

func TestReadsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, kind := range []faulty.Kind{faulty.LoseRequest, faulty.LoseReply, faulty.Refuse, faulty.Cut} {
			s := faulty.New(mem.New(), once(faulty.Get, faulty.Fault{Kind: kind, Wait: time.Hour}))
			if _, err := s.PutIf(t.Context(), "k", []byte("x"), ""); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Get(t.Context(), "k"); !errs.Is(err, errs.Unavailable) || errors.Is(err, storage.ErrUnknown) {
				t.Errorf("kind %d: %v", kind, err)
			}
			if _, _, err := s.Get(t.Context(), "k"); err != nil {
				t.Errorf("kind %d struck twice: %v", kind, err)
			}
		}
	})
}

func TestBodies(t *testing.T) {
	whole := bytes.Repeat([]byte{0}, 1000)
	inner := mem.New()
	if _, err := inner.PutIf(t.Context(), "k", whole, ""); err != nil {
		t.Fatal(err)
	}
	read := func(kind faulty.Kind) ([]byte, error) {
		s := faulty.New(inner, once(faulty.Open, faulty.Fault{Kind: kind, At: 0.5}))
		r, _, err := s.Open(t.Context(), "k", 100, 200)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	if got, err := read(faulty.Cut); len(got) != 100 || !errs.Is(err, errs.Unavailable) {
		t.Errorf("cut in the middle: %d bytes, %v", len(got), err)
	}
	got, err := read(faulty.Corrupt)
	ones := 0
	for _, b := range got {
		ones += bits.OnesCount8(b)
	}
	if err != nil || len(got) != 200 || ones != 1 || got[100] == 0 {
		t.Errorf("corrupt in the middle: %d bytes, %d bits wrong, %v", len(got), ones, err)
	}
}

func TestScript(t *testing.T) {
	hit := faulty.Fault{Kind: faulty.Refuse}
	plan := faulty.Script(
		faulty.Rule{Op: faulty.Publish, Prefix: "x/", Nth: 3, Fault: hit},
		faulty.Rule{Op: faulty.Get, Nth: 2, Count: 2, Fault: hit},
		faulty.Rule{Op: faulty.Stat, Count: -1, Fault: hit})
	for _, c := range []struct {
		op    faulty.Op
		key   string
		calls string // one letter a call, f where it fails
	}{{faulty.Publish, "y/a", "....."}, {faulty.Publish, "x/a", "..f.."}, {faulty.Get, "any", ".ff.."}, {faulty.Stat, "any", "fffff"}, {faulty.PutIf, "x/a", "...."}} {
		for i, want := range c.calls {
			if got := plan(c.op, c.key).Kind == faulty.Refuse; got != (want == 'f') {
				t.Errorf("%s %s, call %d: fails %v", c.op, c.key, i+1, got)
			}
		}
	}
}

// The script reaches streams by their key, though Publish is given a token alone.
func TestScriptedPublish(t *testing.T) {
	s := faulty.New(mem.New(), faulty.Script(faulty.Rule{Op: faulty.Publish, Prefix: "x/", Nth: 2, Fault: faulty.Fault{Kind: faulty.LoseReply}}))
	for i, key := range []string{"x/a", "y/b", "x/c", "x/d"} {
		w, err := s.Create(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := w.Stage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(t.Context(), token); errors.Is(err, storage.ErrUnknown) != (i == 2) {
			t.Errorf("Publish of %s: %v", key, err)
		}
	}
}

func TestSeedDecides(t *testing.T) {
	rates := faulty.Rates{LoseRequest: 0.1, LoseReply: 0.1, Delay: 0.1, Refuse: 0.1, Cut: 0.1, Corrupt: 0.1, MaxWait: time.Minute}
	a, b, other := faulty.Random(7, rates), faulty.Random(7, rates), faulty.Random(8, rates)
	same, counts := 0, map[faulty.Kind]int{}
	const n = 10_000
	for range n {
		f := a(faulty.Get, "k")
		if f != b(faulty.Get, "k") {
			t.Fatal("one seed gave two faults")
		}
		if f.Wait > time.Minute || f.At < 0 || f.At >= 1 {
			t.Fatalf("fault %+v", f)
		}
		counts[f.Kind]++
		if f == other(faulty.Get, "k") {
			same++
		}
	}
	if same > n/2 {
		t.Error("two seeds gave one sequence")
	}
	for k := faulty.LoseRequest; k <= faulty.Corrupt; k++ {
		if counts[k] < n/20 || counts[k] > n/5 {
			t.Errorf("kind %d struck %d times of %d", k, counts[k], n)
		}
	}
}
