// Package retry tries again what a store failed at for a reason that passes, where trying again is safe: reads, and
// the calls whose repetition changes nothing (Publish, Discard, Delete).
//
// PutIf is never repeated, nor what a stream writes: after a lost reply the second try meets the first one's success
// and takes it for somebody else's. Only the caller, who knows the nonce in the body, can tell.
package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/again"
)

// Options bound the trying. The zero value is right for object stores.
type Options struct {
	Attempts int           // tries in all; zero means 5
	Base     time.Duration // the first wait is up to this, and each next one up to twice as much; zero means 100 ms
	Most     time.Duration // no wait is longer; zero means 5 s
	// Share is how many of the calls under way may be repetitions, from 0 to 1: when a store is down, repeating
	// everything only adds to its load. Three are always allowed. Zero means 0.2.
	Share float64
}

// Store repeats what may be repeated.
type Store struct {
	storage.Store // PutIf and Create go straight through
	run           failsafe.Executor[any]
	attempts      int
}

// New decorates a store.
func New(s storage.Store, opts Options) *Store {
	if opts.Attempts == 0 {
		opts.Attempts = 5
	}
	if opts.Base == 0 {
		opts.Base = 100 * time.Millisecond
	}
	if opts.Most == 0 {
		opts.Most = 5 * time.Second
	}
	if opts.Share == 0 {
		opts.Share = 0.2
	}
	policy := retrypolicy.NewBuilder[any]().
		WithMaxAttempts(opts.Attempts).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[any]) time.Duration {
			// Full jitter: those who failed together must not come back together.
			return rand.N(min(opts.Base<<min(e.Attempts()-1, 20), opts.Most))
		}).
		WithBudget(budget.NewBuilder().WithMaxRate(opts.Share).Build()).
		HandleIf(func(_ any, err error) bool { return err != nil && !errors.Is(err, errFinal) }).
		ReturnLastFailure().
		Build()
	return &Store{Store: s, run: failsafe.With[any](policy), attempts: opts.Attempts}
}

// errFinal marks what is not to be tried again.
var errFinal = errors.New("final")

// do calls f until it succeeds, fails for good, or may not be tried any more; then it returns f's last error.
func (s *Store) do(ctx context.Context, f func() error) error {
	var last error
	err := s.run.WithContext(ctx).Run(func() error {
		if last = f(); last != nil && !again.Worth(ctx, last) {
			return errFinal
		}
		return last
	})
	switch {
	case err == nil:
		return nil
	case last == nil: // the context had ended before the first try
		return storage.Fail("", "", err)
	case ctx.Err() != nil && !errors.Is(last, ctx.Err()): // it ended between two tries
		return fmt.Errorf("%w; then %w", last, context.Cause(ctx))
	}
	return last
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) (body []byte, info storage.Info, err error) {
	err = s.do(ctx, func() (err error) {
		body, info, err = s.Store.Get(ctx, key)
		return err
	})
	return body, info, err
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (info storage.Info, err error) {
	err = s.do(ctx, func() (err error) {
		info, err = s.Store.Stat(ctx, key)
		return err
	})
	return info, err
}

// Open implements storage.Store. A body that is cut is read on as long as the object has the version it had.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	r, info, err := s.open(ctx, key, off, n)
	if err != nil {
		return nil, info, err
	}
	left := max(0, info.Size-off)
	if n >= 0 {
		left = min(n, left)
	}
	return again.NewReader(ctx, r, off, left, s.attempts, func(off, n int64) (io.ReadCloser, error) {
		r, now, err := s.open(ctx, key, off, n)
		if err == nil && now.Version != info.Version {
			r.Close() // only read
			return nil, storage.Fail("read", key, fmt.Errorf("changed: %w", storage.ErrPrecondition))
		}
		return r, err
	}), info, nil
}

func (s *Store) open(ctx context.Context, key string, off, n int64) (r io.ReadCloser, info storage.Info, err error) {
	err = s.do(ctx, func() (err error) {
		r, info, err = s.Store.Open(ctx, key, off, n)
		return err
	})
	return r, info, err
}

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (info storage.Info, err error) {
	err = s.do(ctx, func() (err error) {
		info, err = s.Store.Publish(ctx, t)
		return err
	})
	return info, err
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error {
	return s.do(ctx, func() error { return s.Store.Discard(ctx, t) })
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.do(ctx, func() error { return s.Store.Delete(ctx, key) })
}

// List implements storage.Store. A listing that fails is taken up after the last key it gave.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		for more := true; more; {
			before := after
			err := s.do(ctx, func() error {
				for info, err := range s.Store.List(ctx, prefix, after) {
					if err != nil {
						// Tries that brought something start a new count.
						more = after != before && again.Worth(ctx, err)
						if more {
							return nil
						}
						return err
					}
					after = info.Key
					if !yield(info, nil) {
						break
					}
				}
				more = false
				return nil
			})
			if err != nil {
				yield(storage.Info{}, err)
				return
			}
		}
	}
}

// PendingOf implements storage.Sweeper. A store that cannot tell has nothing pending.
func (s *Store) PendingOf(ctx context.Context, key string) (found []storage.Pending, err error) {
	sweeper, ok := s.Store.(storage.Sweeper)
	if !ok {
		return nil, nil
	}
	err = s.do(ctx, func() (err error) {
		found, err = sweeper.PendingOf(ctx, key)
		return err
	})
	return found, err
}
