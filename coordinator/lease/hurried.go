package lease

import (
	"context"
	"iter"
	"time"

	"github.com/mrctl/mrctl/storage"
)

// hurried limits each call that the elector makes, so that a connection that hangs costs one try and not the lease.
type hurried struct {
	storage.Store
	limit time.Duration
}

func (h hurried) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	return h.Store.Get(ctx, key)
}

func (h hurried) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	return h.Store.PutIf(ctx, key, body, want)
}

func (h hurried) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, h.limit)
		defer cancel()
		h.Store.List(ctx, prefix, after)(yield)
	}
}
