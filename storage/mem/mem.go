// Package mem is a Store in memory: the contract of package storage in its plainest form, for tests and simulations.
//
// Versions are hashes of the content, so that a caller who forgets the nonce in a body he replaces is found out here as
// he would be by an object store's ETags. Nothing waits and nothing runs in the background; it works under
// testing/synctest.
package mem

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

// Store is a Store in memory. All handles to it are the one pointer that New gave.
type Store struct {
	mu      sync.Mutex
	objects map[string]object         // guarded by mu
	folders map[string]int            // how many objects lie below each folder; guarded by mu
	staged  map[storage.Token]*writer // what Create began and nobody ended; guarded by mu
	nextID  int                       // guarded by mu
}

type object struct {
	body  []byte // never changed once stored: readers share it
	info  storage.Info
	token storage.Token // what Publish made it of; "" for records
}

// New makes an empty store.
func New() *Store {
	return &Store{objects: map[string]object{}, folders: map[string]int{}, staged: map[storage.Token]*writer{}}
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	o, err := s.find(ctx, key)
	if err == nil && o.info.Size > storage.MaxRecord {
		err = errs.New(errs.Invalid, "%d bytes are too many for a record", o.info.Size)
	}
	if err != nil {
		return nil, storage.Info{}, storage.Fail("get", key, err)
	}
	return bytes.Clone(o.body), o.describe(), nil
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	o, err := s.find(ctx, key)
	if err == nil && off < 0 {
		err = errs.New(errs.Invalid, "negative offset %d", off)
	}
	if err != nil {
		return nil, storage.Info{}, storage.Fail("open", key, err)
	}
	body := o.body[min(off, o.info.Size):]
	if n >= 0 && n < int64(len(body)) {
		body = body[:n]
	}
	return &reader{ctx: ctx, r: bytes.NewReader(body)}, o.describe(), nil
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	o, err := s.find(ctx, key)
	if err != nil {
		return storage.Info{}, storage.Fail("stat", key, err)
	}
	return o.describe(), nil
}

// PutIf implements storage.Store.
func (s *Store) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	if err := check(ctx, key); err != nil {
		return "", storage.Fail("put", key, err)
	}
	if len(body) > storage.MaxRecord {
		return "", storage.Fail("put", key, errs.New(errs.Invalid, "%d bytes are too many for a record", len(body)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[key].info.Version != want {
		return "", storage.Fail("put", key, storage.ErrPrecondition)
	}
	v, err := s.put(key, bytes.Clone(body), nil, "")
	return v, storage.Fail("put", key, err)
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	err := check(ctx, key)
	if err == nil {
		err = storage.CheckMeta(meta)
	}
	if err != nil {
		return nil, storage.Fail("create", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID++
	t, err := token.Encode("mem", named{Key: key, ID: s.nextID})
	if err != nil {
		return nil, storage.Fail("create", key, err)
	}
	w := &writer{store: s, ctx: ctx, key: key, meta: maps.Clone(meta), started: time.Now(), token: t}
	s.staged[w.token] = w
	return w, nil
}

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	if err := ctx.Err(); err != nil {
		return storage.Info{}, storage.Fail("publish", "", err)
	}
	key, err := keyOf(t)
	if err != nil {
		return storage.Info{}, storage.Fail("publish", "", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, taken := s.objects[key.Key]
	w, there := s.staged[t]
	switch {
	case taken && o.token == t:
	case taken:
		err = storage.ErrPrecondition
	case !there:
		err = storage.ErrNotExist
	case !w.done:
		err = errs.New(errs.Invalid, "not staged yet")
	default:
		if _, err = s.put(key.Key, w.body.Bytes(), w.meta, t); err == nil {
			delete(s.staged, t)
			o = s.objects[key.Key]
		}
	}
	if err != nil {
		return storage.Info{}, storage.Fail("publish", key.Key, err)
	}
	return o.describe(), nil
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error {
	if _, err := keyOf(t); err != nil {
		return storage.Fail("discard", "", err)
	}
	if err := ctx.Err(); err != nil {
		return storage.Fail("discard", "", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.staged, t)
	return nil
}

// List implements storage.Store. It shows the store as it was when ranging began.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		s.mu.Lock()
		var found []storage.Info
		for key, o := range s.objects {
			if strings.HasPrefix(key, prefix) && key > after {
				info := o.info
				info.Meta = nil
				found = append(found, info)
			}
		}
		s.mu.Unlock()
		slices.SortFunc(found, func(a, b storage.Info) int { return strings.Compare(a.Key, b.Key) })
		for _, info := range found {
			if err := ctx.Err(); err != nil {
				yield(storage.Info{}, storage.Fail("list", prefix, err))
				return
			}
			if !yield(info, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(storage.Info{}, storage.Fail("list", prefix, err))
		}
	}
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return storage.Fail("delete", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.objects[key]; there {
		delete(s.objects, key)
		s.count(key, -1)
	}
	return nil
}

// PendingOf implements storage.Sweeper.
func (s *Store) PendingOf(ctx context.Context, key string) ([]storage.Pending, error) {
	if err := check(ctx, key); err != nil {
		return nil, storage.Fail("pending", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []storage.Pending
	for t, w := range s.staged {
		if w.key == key {
			found = append(found, storage.Pending{Key: key, Token: t, Started: w.started})
		}
	}
	slices.SortFunc(found, func(a, b storage.Pending) int { return a.Started.Compare(b.Started) })
	return found, nil
}

// put stores body under key, which is absent or may be replaced. Callers hold mu.
func (s *Store) put(key string, body []byte, meta map[string]string, t storage.Token) (storage.Version, error) {
	if _, there := s.objects[key]; !there {
		if s.folders[key] > 0 {
			return "", errs.New(errs.Invalid, "is a folder of other keys")
		}
		for folder := range ancestors(key) {
			if _, there := s.objects[folder]; there {
				return "", errs.New(errs.Invalid, "its folder %s is a key", folder)
			}
		}
		s.count(key, 1)
	}
	sum := sha256.Sum256(body)
	v := storage.Version(hex.EncodeToString(sum[:16]))
	s.objects[key] = object{
		body:  body,
		info:  storage.Info{Key: key, Size: int64(len(body)), Version: v, Meta: meta, ModTime: time.Now()},
		token: t,
	}
	return v, nil
}

// count keeps folders in step with an object that comes (1) or goes (-1). Callers hold mu.
func (s *Store) count(key string, by int) {
	for folder := range ancestors(key) {
		s.folders[folder] += by
		if s.folders[folder] == 0 {
			delete(s.folders, folder)
		}
	}
}

func ancestors(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(key) {
			if key[i] == '/' && !yield(key[:i]) {
				return
			}
		}
	}
}

func (s *Store) find(ctx context.Context, key string) (object, error) {
	if err := check(ctx, key); err != nil {
		return object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	if !ok {
		return object{}, storage.ErrNotExist
	}
	return o, nil
}

func (o object) describe() storage.Info {
	info := o.info
	info.Meta = maps.Clone(info.Meta)
	return info
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return storage.CheckKey(key)
}

type reader struct {
	ctx context.Context // the reader's life is bounded by the context given to Open
	r   *bytes.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func (r *reader) Close() error { return nil }
