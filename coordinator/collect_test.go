package coordinator

import (
	"errors"
	"testing"
	"time"

	"github.com/mrctl/mrctl/coordinator/gc"
	"github.com/mrctl/mrctl/storage"
)

// TestLeaderCollects: whoever leads removes what another coordinator left, and leaves a live job alone.
func TestLeaderCollects(t *testing.T) {
	c := newCluster(t)
	const left = "probe/left/a"
	if _, err := c.store.PutIf(c.ctx, left, []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	often := func(cfg *Config) {
		cfg.GCEvery = 10 * time.Millisecond
		cfg.GC = gc.Limits{Runs: 1, Staged: 1, Orphans: 1, Work: 1, History: 1, Plugins: 1}
	}
	s := c.lead(often)
	w := c.worker(s, "w", 1)
	id := s.submit(c, c.job(1, 2))
	w.maps(1)
	w.reduces(1)
	for range 2 { // leaders
		c.until("the garbage to be collected", func() bool {
			_, err := c.store.Stat(c.ctx, left)
			return errors.Is(err, storage.ErrNotExist)
		})
		if _, err := c.store.PutIf(c.ctx, left, []byte("x"), ""); err != nil {
			t.Fatal(err)
		}
		if rec := c.record(id); rec.Phase.Ended() {
			t.Fatalf("the job is %s", rec.Phase)
		}
		w.hangUp()
		s.stop()
		s = c.lead(often)
	}
}
