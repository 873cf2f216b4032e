package simtest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/storagetest"
)

// TestHistories holds what leaders, candidates and zombies were told of the lease and of jobs against the contract of one record:
// there is an order of what took effect that explains it all.
func TestHistories(t *testing.T) {
	for seed := range setting(t, "MRCTL_SIM_HISTORIES", 6) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			h := storagetest.NewHistory(func(key string) bool {
				return key == ledger.LeaseKey || strings.HasPrefix(key, "jobs/") && strings.HasSuffix(key, "/job")
			})
			var clients atomic.Int64
			w := &world{seed: seed, campaign: faults, trouble: 5 * time.Minute, wrap: func(s storage.Store) storage.Store {
				return h.View(int(clients.Add(1)), s)
			}}
			if c := simulate(t, w); len(c.found) > 0 {
				t.Errorf("violations: %v", c.found)
			}
			h.Check(t)
		})
	}
}
