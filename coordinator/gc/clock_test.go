package gc_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/coordinator/gc"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// offStore is a store whose clock is off from ours.
type offStore struct {
	storage.Store
	by time.Duration
}

func (s offStore) Stat(ctx context.Context, key string) (storage.Info, error) {
	info, err := s.Store.Stat(ctx, key)
	info.ModTime = info.ModTime.Add(s.by)
	return info, err
}

func (s offStore) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		for info, err := range s.Store.List(ctx, prefix, after) {
			info.ModTime = info.ModTime.Add(s.by)
			if !yield(info, err) {
				return
			}
		}
	}
}

// TestAWrongClock: whatever time this machine believes it is, what goes is what is old by the store's clock, and what a
// coordinator wrote into a record while its clock was wrong does not count.
func TestAWrongClock(t *testing.T) {
	for _, off := range []time.Duration{-90 * day, -time.Hour, time.Hour, 90 * day} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			store := offStore{w.store, off}
			id := ledger.NewJobID()
			w.put(true, ledger.JobKey(id), ledger.Job{V: ledger.JobV, ID: id, Phase: ledger.Failed, Ended: time.Now().Add(-off)})
			w.put(true, ledger.EndedKey(id), nil)
			w.put(true, ledger.PluginKey(plugin(1)), nil)
			w.put(true, ledger.JobPrefix+ledger.NewJobID()+"/plan/head", nil)
			if said := w.collect(gc.Config{Store: store, Places: w}, true); len(said) > 0 {
				t.Errorf("clocks %v apart: new things are garbage: %v", off, said)
			}
			time.Sleep(40 * day)
			for range 2 {
				w.collect(gc.Config{Store: store, Places: w}, true)
			}
			if left := w.keys(); len(left) > 0 {
				t.Errorf("clocks %v apart: after 40 days %v are left", off, left)
			}
		})
	}
}
