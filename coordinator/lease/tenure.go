package lease

import (
	"sync"
	"time"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// Term is a leadership as the leader sees it. The zero Term is over.
type Term struct {
	Epoch uint64 // belongs to this leadership alone, for ever
	t     *tenure
}

// Valid says that this process may act as leader at this moment. Once false it stays so. Ask before every act that others
// would notice; the context ends at about the same time, but a process may be paused between two looks at it.
func (t Term) Valid() bool { return t.t != nil && t.t.valid() }

// tenure is a leadership from within. version and lease belong to whoever writes the lease: first take, then keep, at
// last release, never two at a time.
type tenure struct {
	cfg     Config
	clock   clock
	epoch   uint64
	version storage.Version // that the next write replaces
	lease   ledger.Lease    // as last written or adopted

	mu   sync.Mutex
	sent instant // when the last renewal that surely took effect was sent; guarded by mu
	over bool    // guarded by mu
}

// valid: the lease was last renewed so recently that nobody else may have taken it.
func (t *tenure) valid() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remainingLocked() > 0
}

// remaining is for how long the tenure is valid if it is not renewed.
func (t *tenure) remaining() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remainingLocked()
}

func (t *tenure) remainingLocked() time.Duration {
	if t.over {
		return 0
	}
	left := t.cfg.TTL - t.cfg.Margin - t.clock.since(t.sent)
	if left <= 0 {
		t.over = true // a later renewal must not bring it back to life: others have seen it dead
		return 0
	}
	return left
}

// renewed prolongs the tenure after a renewal sent at sent, unless it was over before the reply came.
func (t *tenure) renewed(sent instant) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.remainingLocked() <= 0 {
		return false
	}
	t.sent = sent
	return true
}

// end makes the tenure invalid for good.
func (t *tenure) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}
