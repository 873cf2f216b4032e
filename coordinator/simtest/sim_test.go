package simtest

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
	"github.com/mrctl/mrctl/storage"
)

// setting reads a number from the environment.
func setting(t *testing.T, name string, or uint64) uint64 {
	s := os.Getenv(name)
	if s == "" {
		return or
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// simulate makes one run and returns what the checker saw.
func simulate(t *testing.T, w *world) *checker {
	synctest.Test(t, func(t *testing.T) {
		w.begin = time.Now()
		w.store = ledgertest.New()
		w.check = newChecker()
		w.store.OnApply, w.store.Blind = w.check.applied, w.blind
		if w.wrap == nil {
			w.wrap = func(s storage.Store) storage.Store { return s }
		}
		if w.log == nil {
			w.log = zap.NewNop()
		}
		w.play(t.Context())
	})
	return w.check
}

// totals sums up the runs of a campaign.
type totals struct{ runs, leaderships, acks, zombies, overlaps, tasks int }

func (s *totals) add(c *checker) {
	s.runs++
	s.leaderships += len(c.terms)
	s.acks += c.acks
	s.zombies += int(c.zombies.Load())
	s.overlaps += c.overlaps
	s.tasks += len(c.tasks)
}

func TestProtocol(t *testing.T) {
	first, runs := setting(t, "MRCTL_SIM_SEED", 1), setting(t, "MRCTL_SIM_RUNS", 300)
	var mu sync.Mutex
	var sums [campaigns]totals
	t.Run("runs", func(t *testing.T) {
		for seed := first; seed < first+runs; seed++ {
			t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
				t.Parallel()
				w := &world{seed: seed, campaign: campaign(seed) % campaigns}
				if runs == 1 {
					w.log = zaptest.NewLogger(t)
				}
				c := simulate(t, w)
				if len(c.found) > 0 {
					t.Errorf("%v: %d violations; again with MRCTL_SIM_SEED=%d MRCTL_SIM_RUNS=1\n%s",
						w.campaign, len(c.found), seed, strings.Join(c.found[:min(10, len(c.found))], "\n"))
				}
				mu.Lock()
				defer mu.Unlock()
				sums[w.campaign].add(c)
			})
		}
	})
	for c, s := range sums {
		t.Logf("%v: %+v", campaign(c), s)
		// Where nothing happens nothing is violated. This is far below what runs come to.
		if s.runs >= 20 && (s.leaderships < 2*s.runs || s.acks < 10*s.runs || s.zombies < s.runs || s.tasks < 5*s.runs) {
			t.Errorf("%v: too little happened to mean anything", campaign(c))
		}
	}
}

// violations makes a few runs of an ablation and wants the checker to find each of the invariants broken in many of them.
func violations(t *testing.T, c campaign, ablate func(*world), invariants ...string) {
	const some = 12
	var mu sync.Mutex
	broken := map[string]int{}
	t.Run("runs", func(t *testing.T) {
		for seed := range uint64(some) {
			t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
				t.Parallel()
				w := &world{seed: seed, campaign: c, trouble: 6 * time.Minute}
				ablate(w)
				found := simulate(t, w).found
				mu.Lock()
				defer mu.Unlock()
				for _, i := range invariants {
					if slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, i+":") }) {
						broken[i]++
					}
				}
			})
		}
	})
	t.Logf("of %d runs these broke: %v", some, broken)
	for _, i := range invariants {
		if broken[i]*4 < some {
			t.Errorf("the checker found %s broken in %d of %d runs only", i, broken[i], some)
		}
	}
}

// Without markers a lease that is deleted or restored lets an epoch be led twice, and the checker sees it.
func TestWithoutMarkers(t *testing.T) {
	violations(t, tampering, func(w *world) {
		w.wrap = func(s storage.Store) storage.Store { return unmarked{s} }
	}, "I1")
}

// unmarked is a store that forgets epoch markers.
type unmarked struct{ storage.Store }

func (u unmarked) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	if strings.HasPrefix(key, ledger.EpochPrefix) {
		return "marked", nil
	}
	return u.Store.PutIf(ctx, key, body, want)
}

func (u unmarked) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	if prefix == ledger.EpochPrefix {
		return func(func(storage.Info, error) bool) {}
	}
	return u.Store.List(ctx, prefix, after)
}

// Without the chain a leader of the past overwrites what the present one wrote, and the checker sees it.
func TestWithoutChain(t *testing.T) {
	violations(t, faults, func(w *world) {
		w.blind = func(key string) bool { return strings.HasPrefix(key, "jobs/") && strings.HasSuffix(key, "/job") }
	}, "I2", "I3", "I4")
}

// A seed must mean the same run each time, or a failure could not be looked into.
func TestSeedRepeats(t *testing.T) {
	for seed := range uint64(3) {
		one := simulate(t, &world{seed: seed, campaign: campaign(seed) % campaigns}).trace
		two := simulate(t, &world{seed: seed, campaign: campaign(seed) % campaigns}).trace
		for i := range min(len(one), len(two)) {
			if one[i] != two[i] {
				t.Fatalf("seed %d, write %d of %d: %s, then %s", seed, i, len(one), one[i], two[i])
			}
		}
		if len(one) != len(two) || len(one) == 0 {
			t.Errorf("seed %d: %d writes, then %d", seed, len(one), len(two))
		}
	}
}
