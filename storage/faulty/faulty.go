// Package faulty is a store behind a bad network: requests and replies are lost, delayed, refused, cut and corrupted,
// as a plan says. Plans are values, from a seed or from a script.
//
// All waiting is by timers, all chance from the plan, so a simulation under testing/synctest is exact. What the
// decorator does to a write is what an object store may do to it: the contract's ErrUnknown, and writes that land long
// after their caller has given up.
package faulty

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

var (
	errLost    = errs.New(errs.Unavailable, "no reply")
	errRefused = errs.New(errs.Unavailable, "503 slow down")
	errCut     = errs.New(errs.Unavailable, "connection reset: %w", io.ErrUnexpectedEOF)
)

// Store passes calls on to another store, or does not.
type Store struct {
	inner storage.Store
	plan  Plan
	late  sync.WaitGroup // delayed writes whose caller may have gone
}

// New decorates a store.
func New(s storage.Store, plan Plan) *Store { return &Store{inner: s, plan: plan} }

// Wait returns when all delayed writes have landed. No more may be started meanwhile.
func (s *Store) Wait() { s.late.Wait() }

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	f, err := s.read(ctx, Get, key)
	if err != nil {
		return nil, storage.Info{}, err
	}
	body, info, err := s.inner.Get(ctx, key)
	switch {
	case err != nil:
	case f.Kind == Cut:
		return nil, storage.Info{}, storage.Fail("get", key, errCut)
	case f.Kind == Corrupt && len(body) > 0:
		flip(body, int64(f.At*float64(len(body))))
	}
	return body, info, err
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	f, err := s.read(ctx, Open, key)
	if err != nil {
		return nil, storage.Info{}, err
	}
	r, info, err := s.inner.Open(ctx, key, off, n)
	if err != nil || f.Kind != Cut && f.Kind != Corrupt {
		return r, info, err
	}
	left := max(0, info.Size-off)
	if n >= 0 {
		left = min(n, left)
	}
	if left == 0 {
		return r, info, nil
	}
	return &body{ReadCloser: r, key: key, kind: f.Kind, at: int64(f.At * float64(left))}, info, nil
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	if _, err := s.read(ctx, Stat, key); err != nil {
		return storage.Info{}, err
	}
	return s.inner.Stat(ctx, key)
}

// PutIf implements storage.Store.
func (s *Store) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	body = bytes.Clone(body) // it may land after the caller has taken his back
	return write(ctx, s, PutIf, key, func(ctx context.Context) (storage.Version, error) {
		return s.inner.PutIf(ctx, key, body, want)
	})
}

// Create implements storage.Store. A delay holds the caller up; a stream that nobody waits for would come to nothing.
func (s *Store) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	f := s.plan(Create, key)
	if f.Kind == LoseReply {
		_, _ = s.inner.Create(ctx, key, meta) // it stays pending, and nobody knows of it
	}
	if err := s.hold(ctx, f); err != nil {
		return nil, storage.Fail("create", key, err)
	}
	w, err := s.inner.Create(ctx, key, meta)
	if err != nil {
		return nil, err
	}
	return &writer{Writer: w, s: s, ctx: ctx, key: key}, nil
}

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	return write(ctx, s, Publish, token.Key(t), func(ctx context.Context) (storage.Info, error) {
		return s.inner.Publish(ctx, t)
	})
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error {
	_, err := write(ctx, s, Discard, token.Key(t), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.inner.Discard(ctx, t)
	})
	return err
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	_, err := write(ctx, s, Delete, key, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.inner.Delete(ctx, key)
	})
	return err
}

// List implements storage.Store. A cut listing breaks off after some of its keys.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		f, err := s.read(ctx, List, prefix)
		if err != nil {
			yield(storage.Info{}, err)
			return
		}
		left := -1
		if f.Kind == Cut {
			left = int(f.At * 10)
		}
		for info, err := range s.inner.List(ctx, prefix, after) {
			if left == 0 {
				info, err = storage.Info{}, storage.Fail("list", prefix, errCut)
			}
			left--
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// PendingOf implements storage.Sweeper. A store that cannot tell has nothing pending.
func (s *Store) PendingOf(ctx context.Context, key string) ([]storage.Pending, error) {
	sweeper, ok := s.inner.(storage.Sweeper)
	if !ok {
		return nil, nil
	}
	if _, err := s.read(ctx, Pending, key); err != nil {
		return nil, err
	}
	return sweeper.PendingOf(ctx, key)
}

// read draws the fault of a read and suffers what comes before it.
func (s *Store) read(ctx context.Context, op Op, key string) (Fault, error) {
	f := s.plan(op, key)
	return f, storage.Fail(string(op), key, s.hold(ctx, f))
}

// hold suffers what comes before a call that changes nothing when it is not made.
func (s *Store) hold(ctx context.Context, f Fault) error {
	switch f.Kind {
	case LoseRequest, LoseReply:
		if err := sleep(ctx, f.Wait); err != nil {
			return err
		}
		return errLost
	case Delay:
		return sleep(ctx, f.Wait)
	case Refuse:
		return errRefused
	}
	return nil
}

// write makes a call that changes something, or leaves its outcome open.
func write[T any](ctx context.Context, s *Store, op Op, key string, do func(context.Context) (T, error)) (T, error) {
	var none T
	f := s.plan(op, key)
	lost := func() (T, error) {
		err := sleep(ctx, f.Wait)
		if err == nil {
			err = errLost
		}
		return none, storage.Fail(string(op), key, storage.Unknown(err))
	}
	switch f.Kind {
	case LoseRequest:
		return lost()
	case LoseReply:
		_, _ = do(ctx) // nobody hears how it went
		return lost()
	case Refuse:
		return none, storage.Fail(string(op), key, storage.Unknown(errRefused))
	case Delay:
		return delayed(ctx, s, f.Wait, op, key, do)
	}
	return do(ctx)
}

// delayed makes the call after a while, whether or not its caller still waits.
func delayed[T any](ctx context.Context, s *Store, wait time.Duration, op Op, key string, do func(context.Context) (T, error)) (T, error) {
	type outcome struct {
		v   T
		err error
	}
	if err := ctx.Err(); err != nil {
		var none T
		return none, storage.Fail(string(op), key, err)
	}
	done := make(chan outcome, 1)
	s.late.Go(func() {
		time.Sleep(wait)
		v, err := do(context.WithoutCancel(ctx))
		done <- outcome{v, err}
	})
	select {
	case o := <-done:
		return o.v, o.err
	case <-ctx.Done():
		var none T
		return none, storage.Fail(string(op), key, storage.Unknown(context.Cause(ctx)))
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writer is a stream that can fail at each write and at its end.
type writer struct {
	storage.Writer
	s   *Store
	ctx context.Context // the one given to Create governs the writes
	key string
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.s.hold(w.ctx, w.s.plan(Write, w.key)); err != nil {
		return 0, storage.Fail("write", w.key, err)
	}
	return w.Writer.Write(p)
}

func (w *writer) Stage(ctx context.Context) (storage.Token, error) {
	f := w.s.plan(Stage, w.key)
	if f.Kind == LoseReply {
		_, _ = w.Writer.Stage(ctx) // it stays pending, and nobody has its token
	}
	if err := w.s.hold(ctx, f); err != nil {
		return "", storage.Fail("stage", w.key, errors.Join(err, w.Writer.Abort()))
	}
	return w.Writer.Stage(ctx)
}

// body breaks off, or has one wrong bit, at a place.
type body struct {
	io.ReadCloser
	key  string
	kind Kind
	at   int64 // bytes still to come before it
	past bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.past {
		return b.ReadCloser.Read(p)
	}
	if b.kind == Cut {
		if b.at == 0 {
			return 0, storage.Fail("read", b.key, errCut)
		}
		p = p[:min(int64(len(p)), b.at)]
	}
	n, err := b.ReadCloser.Read(p)
	if b.kind == Corrupt && b.at < int64(n) {
		flip(p, b.at)
		b.past = true
	}
	b.at -= int64(n)
	return n, err
}

func flip(p []byte, at int64) { p[at] ^= 1 << (at % 8) }
