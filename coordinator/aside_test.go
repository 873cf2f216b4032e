package coordinator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/internal/ledger"
)

// epoch is that of the present lease.
func (tn *town) epoch() uint64 {
	tn.t.Helper()
	rec, err := ledger.ReadLease(tn.ctx, tn.store.Store)
	if err != nil {
		tn.t.Fatal(err)
	}
	return rec.Epoch
}

// first is the coordinator that has led first.
func (tn *town) first() *mortal {
	tn.mu.Lock()
	defer tn.mu.Unlock()
	return tn.led[0]
}

// TestLeaderWithoutWorkersStepsAside: a leader that reaches the store and no worker lets another lead, and the job goes on there.
func TestLeaderWithoutWorkersStepsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(t, 2, fate{})
		defer tn.close()
		id := tn.order(tn.job(6, 2))
		pause(tn.ctx, 4*time.Second)
		cut := time.Now()
		tn.hosts[tn.first()].sever()
		j := tn.over(id)
		if took := time.Since(cut); took > 90*time.Second {
			t.Errorf("it took %v to go on elsewhere", took)
		}
		if j.Phase != ledger.Done {
			t.Fatalf("the job is %s: %s", j.Phase, j.Error)
		}
		tn.whole(j)
		if n := tn.census; len(n.again)+len(n.twice) > 0 {
			t.Errorf("started again: %v, %v", n.again, n.twice)
		}
	})
}

// TestNoWorkersAtAll: a leader that knows of no worker waits for one.
func TestNoWorkersAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(t, 0, fate{})
		defer tn.close()
		tn.order(tn.job(1, 1))
		before := tn.epoch()
		pause(tn.ctx, 30*time.Minute)
		if after := tn.epoch(); after != before {
			t.Errorf("the lease went from epoch %d to %d", before, after)
		}
	})
}

// TestAloneItLeadsAgain: a leader that nobody reaches and that has no peer keeps trying, ever more slowly, and goes on when workers
// reach it.
func TestAloneItLeadsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn := newTown(t, 2)
		defer tn.close()
		id := tn.order(tn.job(6, 2))
		pause(tn.ctx, 4*time.Second)
		h := tn.hosts[tn.first()]
		h.sever()
		pause(tn.ctx, 8*time.Minute)
		if n := tn.epoch(); n < 2 || n > 6 {
			t.Errorf("after 8 minutes alone the epoch is %d", n)
		}
		h.mend()
		if j := tn.over(id); j.Phase != ledger.Done {
			t.Errorf("the job is %s: %s", j.Phase, j.Error)
		}
	})
}

// TestLeaderKilledHalfWay: what it costs that the leader dies in the middle is the time of the lease, and little more.
func TestLeaderKilledHalfWay(t *testing.T) {
	const ttl, poll = 15 * time.Second, 5 * time.Second
	length := func(kill bool) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			tn := newTown(t, 3, fate{})
			defer tn.close()
			began := time.Now()
			id := tn.order(tn.job(120, 4))
			if kill {
				pause(tn.ctx, 32*time.Second)
				tn.first().kill()
			}
			j := tn.over(id)
			d = time.Since(began)
			tn.whole(j)
			if n := tn.census; len(n.again)+len(n.twice) > 0 {
				t.Errorf("started again: %v, %v", n.again, n.twice)
			}
		})
		return d
	}
	calm, killed := length(false), length(true)
	t.Logf("undisturbed %v, leader killed half way %v: 1.00x and %v", calm, killed, killed-calm)
	if limit := calm + calm/10 + ttl + poll; killed > limit {
		t.Errorf("it took %v with a leader killed half way, and %v without", killed, calm)
	}
}
