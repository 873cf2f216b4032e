// Package once creates objects whose body any number of writers agree on, so that each may try until it knows.
package once

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/retry"
	"github.com/mrctl/mrctl/storage"
)

// Tries bounds how often a write is tried whose outcome stays unknown.
const Tries = 4

var policy = retry.Policy{Tries: Tries, Worth: func(err error) bool { return errors.Is(err, storage.ErrUnknown) }}

// Create creates key with body. Where something is there already, it returns that, unless it is just this body; there
// nil means that body lies at key now. Bodies larger than a record travel as a stream.
func Create(ctx context.Context, store storage.Store, key string, body []byte) (there []byte, err error) {
	write := put
	if len(body) > storage.MaxRecord {
		write = stream
	}
	err = Again(ctx, func(ctx context.Context) error { return write(ctx, store, key, body) })
	if !errors.Is(err, storage.ErrPrecondition) {
		return nil, err
	}
	there, err = Read(ctx, store, key)
	if err != nil || bytes.Equal(there, body) {
		return nil, err
	}
	return there, nil
}

// Read reads what Create wrote, whatever its size.
func Read(ctx context.Context, store storage.Store, key string) ([]byte, error) {
	r, _, err := store.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r)
	return body, errs.E(errs.Other, "read", key, errors.Join(err, r.Close()))
}

// Again repeats an idempotent write while its outcome is unknown, a few times.
func Again(ctx context.Context, write func(context.Context) error) error {
	return policy.Do(ctx, write)
}

func put(ctx context.Context, store storage.Store, key string, body []byte) error {
	_, err := store.PutIf(ctx, key, body, "")
	return err
}

func stream(ctx context.Context, store storage.Store, key string, body []byte) error {
	w, err := store.Create(ctx, key, nil)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return errors.Join(err, w.Abort())
	}
	t, err := w.Stage(ctx)
	if err != nil {
		return err
	}
	if _, err = store.Publish(ctx, t); errors.Is(err, storage.ErrPrecondition) {
		return errors.Join(err, store.Discard(ctx, t))
	}
	return err
}
