package coordinator

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// manner is how a process stops at a write.
type manner int

const (
	lives      manner = iota
	diesBefore        // the write never reaches the store
	diesAfter         // it takes effect, and nobody hears of it
	freezes           // it is on its way; it reaches the store when the process wakes
	fails             // the handling panics at it, in the goroutine that writes
	unsure            // it takes effect and nobody hears of it, nor of what is read next; the process lives
	manners    = int(fails)
)

func (m manner) String() string {
	return [...]string{"lives", "dies before", "dies after", "freezes at", "panics at", "is not told of"}[m]
}

// fate is what befalls a process at its n-th write of a record, counted from 1. Writes of the lease are not counted:
// time decides how many there are.
type fate struct {
	write int
	how   manner
	kind  string // not "": only writes of this kind count, see kindOf
}

// mortal is one process's way to the stores. It counts the process's writes and ends it at one of them.
type mortal struct {
	draw   func() fate // asked at the first write
	die    func()      // cuts the process off; called once
	thawed chan struct{}

	mu      sync.Mutex
	fate    *fate  // guarded by mu
	writes  int    // that count, so far; guarded by mu
	stopped bool   // guarded by mu
	deaf    bool   // the next read fails; guarded by mu
	struck  string // the write at which it stopped; guarded by mu
	late    error  // what became of the write that froze; guarded by mu
}

func newMortal(draw func() fate, die func()) *mortal {
	return &mortal{draw: draw, die: die, thawed: make(chan struct{})}
}

// kill ends the process here and now.
func (m *mortal) kill() {
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	m.die()
}

var errDead = errors.New("this process is dead")

// alive holds up a call of a process that is stopped. One that is dead never hears anything again.
func (m *mortal) alive(ctx context.Context) error {
	m.mu.Lock()
	stopped, frozen := m.stopped, m.fate != nil && m.fate.how == freezes
	m.mu.Unlock()
	switch {
	case !stopped:
		return ctx.Err()
	case frozen:
		<-m.thawed
		return ctx.Err()
	case ctx.Done() != nil:
		<-ctx.Done()
	}
	return errDead
}

// write lets a write through, unless it is the fated one.
func (m *mortal) write(ctx context.Context, what string, do func(context.Context) error) error {
	if err := m.alive(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	if m.fate == nil {
		f := m.draw()
		m.fate = &f
	}
	if m.fate.kind == "" || m.fate.kind == kindOf(what) {
		m.writes++
	}
	now := m.writes == m.fate.write && m.struck == "" && m.fate.how != lives
	if now {
		m.stopped = m.fate.how != fails && m.fate.how != unsure
		m.deaf = m.fate.how == unsure
		m.struck = what
	}
	how := m.fate.how
	m.mu.Unlock()
	if !now {
		return do(ctx)
	}
	switch how {
	case diesAfter:
		_ = do(context.WithoutCancel(ctx))
	case freezes:
		<-m.thawed
		err := do(context.WithoutCancel(ctx))
		m.mu.Lock()
		m.late = err
		m.mu.Unlock()
		return err
	case unsure:
		if err := do(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		return storage.ErrUnknown
	case fails:
		panic("at the write of " + what)
	}
	m.die()
	return m.alive(ctx)
}

// misses reports whether a read fails.
func (m *mortal) misses() (deaf bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	deaf, m.deaf = m.deaf, false
	return deaf
}

// view is a store as the process sees it. name tells its keys from those of other stores.
func (m *mortal) view(s storage.Store, name string) storage.Store {
	return mortalStore{s, m, name}
}

type mortalStore struct {
	storage.Store
	m    *mortal
	name string
}

// counted tells the records of jobs from what time alone writes.
func counted(key string) bool {
	return key != ledger.LeaseKey && !strings.HasPrefix(key, ledger.EpochPrefix)
}

func (s mortalStore) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	if err := s.m.alive(ctx); err != nil {
		return nil, storage.Info{}, err
	}
	if s.m.misses() {
		return nil, storage.Info{}, errs.New(errs.Unavailable, "the reply to a read is lost")
	}
	return s.Store.Get(ctx, key)
}

func (s mortalStore) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := s.m.alive(ctx); err != nil {
		return storage.Info{}, err
	}
	return s.Store.Stat(ctx, key)
}

func (s mortalStore) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	if err := s.m.alive(ctx); err != nil {
		return func(yield func(storage.Info, error) bool) { yield(storage.Info{}, err) }
	}
	return s.Store.List(ctx, prefix, after)
}

func (s mortalStore) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (v storage.Version, err error) {
	put := func(ctx context.Context) error {
		v, err = s.Store.PutIf(ctx, key, body, want)
		return err
	}
	if !counted(key) {
		if err := s.m.alive(ctx); err != nil {
			return "", err
		}
		return v, put(ctx)
	}
	return v, s.m.write(ctx, "put "+s.name+key, put)
}

func (s mortalStore) Publish(ctx context.Context, t storage.Token) (info storage.Info, err error) {
	return info, s.m.write(ctx, "publish "+s.name, func(ctx context.Context) error {
		info, err = s.Store.Publish(ctx, t)
		return err
	})
}

func (s mortalStore) Discard(ctx context.Context, t storage.Token) error {
	return s.m.write(ctx, "discard "+s.name, func(ctx context.Context) error { return s.Store.Discard(ctx, t) })
}

func (s mortalStore) Delete(ctx context.Context, key string) error {
	return s.m.write(ctx, "delete "+s.name+key, func(ctx context.Context) error { return s.Store.Delete(ctx, key) })
}
