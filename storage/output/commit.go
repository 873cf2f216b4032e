package output

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/once"
)

// atOnce is how many parts are published or discarded at the same time.
const atOnce = 16

// LostError says that staged parts are gone and were never published: their tasks must be run again.
type LostError struct {
	Keys []string // of the parts, sorted
}

// Error names the first few.
func (e *LostError) Error() string {
	keys, more := e.Keys, ""
	if len(keys) > shown {
		keys, more = keys[:shown], fmt.Sprintf(" and %d more", len(e.Keys)-shown)
	}
	return fmt.Sprintf("%d staged parts are gone before they were published: %s%s", len(e.Keys), strings.Join(keys, ", "), more)
}

// Publish makes parts visible. Those that are already stay so, and one that another attempt of its task has published with the
// same bytes counts as published. Staged parts that are gone are a *LostError, after all others have been published; a part
// that something else stands in the place of is an errs.Conflict.
func Publish(ctx context.Context, store storage.Store, parts []Staged) error {
	var mu sync.Mutex
	var lost LostError
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, p := range parts {
		g.Go(func() error {
			err := errs.Contain(func() error {
				return once.Again(ctx, func(ctx context.Context) error {
					_, err := store.Publish(ctx, p.Token)
					return err
				})
			})
			switch {
			case errors.Is(err, storage.ErrNotExist):
				mu.Lock()
				defer mu.Unlock()
				lost.Keys = append(lost.Keys, p.Key)
				return nil
			case errors.Is(err, storage.ErrPrecondition):
				if same, sameErr := isThere(ctx, store, p); same || sameErr != nil {
					return sameErr
				}
				return errs.E(errs.Conflict, "publish part", p.Key, fmt.Errorf("something else has been put in its place: %w", err))
			}
			return errs.E(errs.Other, "publish part", p.Key, err)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(lost.Keys) > 0 {
		slices.Sort(lost.Keys)
		return &lost
	}
	return nil
}

// isThere reports whether the bytes of a part stand in its place, whoever put them there: a task that was run again because
// another of its parts was lost brings this one a second time.
func isThere(ctx context.Context, store storage.Store, p Staged) (bool, error) {
	fail := func(err error) (bool, error) { return false, errs.E(errs.Other, "publish part", p.Key, err) }
	body, info, err := store.Open(ctx, p.Key, 0, -1)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = body.Close() }() // it was only read
	if info.Size != p.Bytes {
		return false, nil
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, body); err != nil {
		return fail(err)
	}
	if sum.Sum32() != p.CRC {
		return false, nil
	}
	if err := store.Discard(ctx, p.Token); err != nil {
		return fail(err)
	}
	return true, nil
}

// Discard gives up staged parts. Those that are published stay. It goes on after an error and returns all.
func Discard(ctx context.Context, store storage.Store, parts []Staged) error {
	failed := make([]error, len(parts))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, p := range parts {
		g.Go(func() error {
			failed[i] = errs.E(errs.Other, "discard part", p.Key, errs.Contain(func() error {
				return once.Again(ctx, func(ctx context.Context) error { return store.Discard(ctx, p.Token) })
			}))
			return nil
		})
	}
	return errors.Join(g.Wait(), errors.Join(failed...))
}

// Manifest is the body of SuccessKey: what the result consists of.
type Manifest struct {
	V     int            `json:"v"` // set by Succeed
	Job   string         `json:"job"`
	Name  string         `json:"name"`
	Parts []ManifestPart `json:"parts"`
}

// ManifestPart is one part of a result and where it comes from.
type ManifestPart struct {
	Key     string `json:"key"`
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"`
	CRC     uint32 `json:"crc32c"`
	Task    int    `json:"task"`
	Attempt int    `json:"attempt"`
}

const manifestVersion = 1

// Of gives the parts of an output: by its name, or of the result itself, which has none.
func (m Manifest) Of(name string) (parts []ManifestPart) {
	for _, p := range m.Parts {
		if NameOf(p.Key) == name {
			parts = append(parts, p)
		}
	}
	return parts
}

// Succeed declares the result whole. The same manifest again is success; another one there is an errs.Conflict.
func Succeed(ctx context.Context, store storage.Store, m Manifest) error {
	m.V = manifestVersion
	body, err := json.Marshal(m)
	if err != nil {
		return errs.E(errs.Invalid, "declare success", m.Job, err)
	}
	there, err := once.Create(ctx, store, SuccessKey, append(body, '\n'))
	if err != nil {
		return errs.E(errs.Other, "declare success", m.Job, err)
	}
	if there == nil {
		return nil
	}
	var other Manifest
	if err := json.Unmarshal(there, &other); err != nil || other.Job == "" {
		return errs.E(errs.Conflict, "declare success", m.Job, fmt.Errorf("%s is there and was not written by a job", SuccessKey))
	}
	return errs.E(errs.Conflict, "declare success", m.Job, fmt.Errorf("%s is there already, by job %s", SuccessKey, other.Job))
}

// ReadManifest reads what a result consists of. An output that is not whole is an errs.NotFound.
func ReadManifest(ctx context.Context, store storage.Store) (Manifest, error) {
	var m Manifest
	body, err := once.Read(ctx, store, SuccessKey)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, errs.E(errs.Corrupt, "read manifest", SuccessKey, err)
	}
	if m.V > manifestVersion {
		return m, errs.E(errs.Invalid, "read manifest", SuccessKey, fmt.Errorf("its version %d is newer than this program", m.V))
	}
	return m, nil
}
