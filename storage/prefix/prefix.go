// Package prefix shows a part of a store as a store: every key is put below a folder of it.
package prefix

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/mrctl/mrctl/storage"
)

// Store is the view. Tokens are those of the store below, so whoever holds one may publish it through either.
type Store struct {
	below  storage.Store
	prefix string // ends with "/"
}

var _ storage.Store = (*Store)(nil)

// New shows what lies under folder of below. folder is a key without a slash at its end.
func New(below storage.Store, folder string) *Store {
	return &Store{below: below, prefix: strings.TrimSuffix(folder, "/") + "/"}
}

func (s *Store) strip(i storage.Info) storage.Info {
	i.Key = strings.TrimPrefix(i.Key, s.prefix)
	return i
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	b, i, err := s.below.Get(ctx, s.prefix+key)
	return b, s.strip(i), err
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	r, i, err := s.below.Open(ctx, s.prefix+key, off, n)
	return r, s.strip(i), err
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	i, err := s.below.Stat(ctx, s.prefix+key)
	return s.strip(i), err
}

// PutIf implements storage.Store.
func (s *Store) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	return s.below.PutIf(ctx, s.prefix+key, body, want)
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	return s.below.Create(ctx, s.prefix+key, meta)
}

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	i, err := s.below.Publish(ctx, t)
	return s.strip(i), err
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error { return s.below.Discard(ctx, t) }

// PendingOf implements storage.Sweeper. A store that cannot tell has nothing pending.
func (s *Store) PendingOf(ctx context.Context, key string) ([]storage.Pending, error) {
	sweeper, ok := s.below.(storage.Sweeper)
	if !ok {
		return nil, nil
	}
	found, err := sweeper.PendingOf(ctx, s.prefix+key)
	for i := range found {
		found[i].Key = strings.TrimPrefix(found[i].Key, s.prefix)
	}
	return found, err
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		if after != "" {
			after = s.prefix + after
		}
		for i, err := range s.below.List(ctx, s.prefix+prefix, after) {
			if !yield(s.strip(i), err) || err != nil {
				return
			}
		}
	}
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.below.Delete(ctx, s.prefix+key)
}
