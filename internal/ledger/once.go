package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/retry"
	"github.com/mrctl/mrctl/storage"
)

// callTimeout bounds one try of one call. A connection that hangs must not hold a record for longer than this.
const callTimeout = 10 * time.Second

// CreateOnce makes key exist and returns what is there in the end, whoever wrote it. mine says that it is body, byte
// for byte; so body must hold a nonce, or be the same whoever writes it. It tries until it knows or ctx ends; then the
// write may still happen, and calling again with the same bytes finds out.
func CreateOnce(ctx context.Context, store storage.Store, key string, body []byte) (there []byte, v storage.Version, mine bool, err error) {
	for try := 0; ; try++ {
		v, err := TryPut(ctx, store, key, body, "")
		if err == nil {
			return body, v, true, nil
		}
		if !errors.Is(err, storage.ErrPrecondition) && !errors.Is(err, storage.ErrUnknown) {
			return nil, "", false, err
		}
		there, v, err := Fetch(ctx, store, key)
		if err == nil {
			return there, v, bytes.Equal(there, body), nil
		}
		if !errors.Is(err, storage.ErrNotExist) {
			return nil, "", false, err
		}
		// Not there yet. The same bytes again: if both tries land, the second changes nothing.
		if err := Pause(ctx, key, try); err != nil {
			return nil, "", false, err
		}
	}
}

// Fetch reads a record, asking again until the store answers or ctx ends. Absent: storage.ErrNotExist.
func Fetch(ctx context.Context, store storage.Store, key string) ([]byte, storage.Version, error) {
	once := retry.Once(ctx) // the store is not to repeat below this
	for try := 0; ; try++ {
		body, v, err := get(once, store, key)
		if err == nil || final(err) {
			return body, v, err
		}
		if ended := Pause(ctx, key, try); ended != nil {
			return nil, "", fmt.Errorf("%w (last: %w)", ended, err)
		}
	}
}

// final says that asking again would get the same answer.
func final(err error) bool {
	switch errs.KindOf(err) {
	case errs.Invalid, errs.Corrupt:
		return true
	}
	return errors.Is(err, storage.ErrNotExist)
}

// Pause waits before the try after try (from 0): some ten milliseconds at first, doubling to about two seconds, half of it by
// chance. salt, the key at stake, sets those apart who wait for different things. When ctx ends it says so.
func Pause(ctx context.Context, salt string, try int) error {
	d := 20 * time.Millisecond << min(try, 7)
	t := time.NewTimer(d/2 + Jitter(salt, d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return errs.E(errs.Unavailable, "wait for", salt, context.Cause(ctx))
	}
}

// Jitter is a chance duration below d. The chance lies in the nanoseconds of the clock, not in a random source, so that a run
// under a simulated clock can be repeated.
func Jitter(salt string, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(xxh3.HashStringSeed(salt, uint64(time.Now().UnixNano())) % uint64(d))
}

// TryPut is one try of a PutIf, limited in time.
func TryPut(ctx context.Context, store storage.Store, key string, body []byte, want storage.Version) (storage.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return store.PutIf(ctx, key, body, want)
}

// get is one try of a Get, limited in time.
func get(ctx context.Context, store storage.Store, key string) ([]byte, storage.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, info, err := store.Get(ctx, key)
	return body, info.Version, err
}
