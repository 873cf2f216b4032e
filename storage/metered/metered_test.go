package metered_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/faulty"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/metered"
	"github.com/mrctl/mrctl/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return metered.New(mem.New()) })
}

func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := faulty.Script(
			faulty.Rule{Op: faulty.PutIf, Fault: faulty.Fault{Kind: faulty.Delay, Wait: 3 * time.Millisecond}},
			faulty.Rule{Op: faulty.PutIf, Nth: 2, Fault: faulty.Fault{Kind: faulty.Delay, Wait: 100 * time.Millisecond}})
		s := metered.New(faulty.New(mem.New(), slow))
		ctx := t.Context()
		if _, err := s.PutIf(ctx, "k", make([]byte, 10), ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutIf(ctx, "k", make([]byte, 5), ""); err == nil {
			t.Fatal("overwritten")
		}
		r, _, err := s.Open(ctx, "k", 2, -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
		for range s.List(ctx, "", "") {
		}
		got := s.Snapshot()
		put := got[metered.PutIf]
		if put.Calls != 2 || put.Failed != 1 || put.Bytes != 15 || put.Total != 103*time.Millisecond || put.Most != 100*time.Millisecond {
			t.Errorf("put: %+v", put)
		}
		if q := put.Quantile(0.5); q < 3*time.Millisecond || q > 6*time.Millisecond {
			t.Errorf("half of the puts took less than %v", q)
		}
		if q := put.Quantile(1); q != 100*time.Millisecond {
			t.Errorf("all puts took less than %v", q)
		}
		if got[metered.Read].Bytes != 8 || got[metered.Read].Failed != 0 || got[metered.List].Calls != 1 || got[metered.Open].Calls != 1 {
			t.Errorf("snapshot: %+v", got)
		}
		if _, ok := got[metered.Delete]; ok {
			t.Error("what was not called has figures")
		}
	})
}

var _ storage.Sweeper = (*metered.Store)(nil)
