// Package crash makes a process die at one call of its store, for tests of protocols that any later process must be able
// to finish. A test runs an actor over a Store that dies at call 1, 2, 3 and so on, until it dies no more, and each time
// lets a second actor do the same work over the store below.
package crash

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/mrctl/mrctl/storage"
)

// Err is what a dead process gets from every call.
var Err = errors.New("the process has died")

// How is what becomes of the call at which the process dies.
type How int

// The ways to die.
const (
	Before  How = iota // the call never reaches the store
	After              // it takes effect, and the process dies without the answer
	Unknown            // as After, but the process lives on, with ErrUnknown for an answer to a write
)

// Store is one process's view of the store below. It is safe for concurrent use.
type Store struct {
	below storage.Store
	at    int
	how   How

	mu   sync.Mutex
	n    int  // calls so far; guarded by mu
	dead bool // guarded by mu
	hit  bool // guarded by mu
}

var _ storage.Store = (*Store)(nil)

// New makes a view that dies at the at-th call, from 1.
func New(below storage.Store, at int, how How) *Store { return &Store{below: below, at: at, how: how} }

// Hit reports whether the call was reached.
func (s *Store) Hit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hit
}

// call counts one call and carries it out, or not.
func (s *Store) call(write bool, do func() error) error {
	s.mu.Lock()
	s.n++
	now := s.n == s.at
	s.hit = s.hit || now
	if now && s.how != Unknown {
		s.dead = true
	}
	if s.dead && !(now && s.how == After) {
		s.mu.Unlock()
		return Err
	}
	s.mu.Unlock()
	err := do()
	switch {
	case now && s.how == After:
		return Err
	case now && s.how == Unknown && write:
		return storage.Unknown(errors.New("the answer was lost"))
	}
	return err
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) (b []byte, i storage.Info, err error) {
	err = s.call(false, func() (err error) { b, i, err = s.below.Get(ctx, key); return })
	return b, i, err
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (r io.ReadCloser, i storage.Info, err error) {
	err = s.call(false, func() (err error) { r, i, err = s.below.Open(ctx, key, off, n); return })
	return r, i, err
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (i storage.Info, err error) {
	err = s.call(false, func() (err error) { i, err = s.below.Stat(ctx, key); return })
	return i, err
}

// PutIf implements storage.Store.
func (s *Store) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (v storage.Version, err error) {
	err = s.call(true, func() (err error) { v, err = s.below.PutIf(ctx, key, body, want); return })
	return v, err
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, key string, meta map[string]string) (w storage.Writer, err error) {
	err = s.call(false, func() (err error) { w, err = s.below.Create(ctx, key, meta); return })
	if err != nil {
		return nil, err
	}
	return &writer{Writer: w, s: s}, nil
}

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (i storage.Info, err error) {
	err = s.call(true, func() (err error) { i, err = s.below.Publish(ctx, t); return })
	return i, err
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error {
	return s.call(true, func() error { return s.below.Discard(ctx, t) })
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if err := s.call(false, func() error { return nil }); err != nil {
			yield(storage.Info{}, err)
			return
		}
		s.below.List(ctx, prefix, after)(yield)
	}
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.call(true, func() error { return s.below.Delete(ctx, key) })
}

type writer struct {
	storage.Writer
	s *Store
}

func (w *writer) Stage(ctx context.Context) (t storage.Token, err error) {
	err = w.s.call(true, func() (err error) { t, err = w.Writer.Stage(ctx); return })
	return t, err
}
