// Package storagetest holds the contract of package storage, sentence by sentence, as a suite that every Store, every
// Source and every decorator passes.
//
// A race that a store loses need not show each time; the suite is sized so that it shows within seconds on a store that
// is wrong. Creating and replacing alone are not enough: some servers pass those races and still lose updates to a
// counter, because value and version of one read do not belong together.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Run holds a store to the contract. open gives an empty one at each call.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	RunPair(t, func(t *testing.T) (a, b storage.Store) {
		s := open(t)
		return s, s
	})
}

// RunPair is Run for a store that two handles reach, as two processes would. open gives both, of an empty store.
func RunPair(t *testing.T, open func(t *testing.T) (a, b storage.Store)) {
	for _, group := range [][]sentence{reads, records, streams, lists, races, histories} {
		for _, s := range group {
			t.Run(s.name, func(t *testing.T) {
				ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
				defer stop()
				a, b := open(t)
				s.check(&suite{TB: t, ctx: ctx, a: a, b: b})
			})
		}
	}
}

// sentence is one of the contract.
type sentence struct {
	name  string
	check func(*suite)
}

// suite is one test's view of the two handles, with helpers that fail the test.
type suite struct {
	testing.TB
	ctx  context.Context
	a, b storage.Store
}

// put writes a record that must succeed.
func (s *suite) put(key, body string, want storage.Version) storage.Version {
	s.Helper()
	v, err := s.a.PutIf(s.ctx, key, []byte(body), want)
	if err != nil {
		s.Fatalf("PutIf(%s, want %q): %v", key, want, err)
	}
	if v == "" {
		s.Fatalf("PutIf(%s) gave the version of an absent object", key)
	}
	return v
}

// stage writes a stream that must succeed, in pieces of odd sizes.
func (s *suite) stage(key string, body []byte, meta map[string]string) storage.Token {
	s.Helper()
	w, err := s.a.Create(s.ctx, key, meta)
	if err != nil {
		s.Fatalf("Create(%s): %v", key, err)
	}
	for n := 1; len(body) > 0; n = 3*n + 1 {
		n = min(n, len(body))
		if m, err := w.Write(body[:n]); err != nil || m != n {
			s.Fatalf("Write(%s) = %d, %v, want %d", key, m, err, n)
		}
		body = body[n:]
	}
	token, err := w.Stage(s.ctx)
	if err != nil {
		s.Fatalf("Stage(%s): %v", key, err)
	}
	return token
}

func (s *suite) publish(token storage.Token) storage.Info {
	s.Helper()
	info, err := s.a.Publish(s.ctx, token)
	if err != nil {
		s.Fatalf("Publish: %v", err)
	}
	return info
}

// holds fails unless both handles read exactly body at key, in every way there is, and describe it alike.
func (s *suite) holds(key string, body []byte) {
	s.Helper()
	for _, store := range []storage.Store{s.a, s.b} {
		stat, err := store.Stat(s.ctx, key)
		if err != nil {
			s.Fatalf("Stat(%s): %v", key, err)
		}
		if stat.Key != key || stat.Size != int64(len(body)) || stat.Version == "" {
			s.Fatalf("Stat(%s) = %+v, want %d bytes", key, stat, len(body))
		}
		got, info, err := readAll(s.ctx, store, key, 0, -1)
		if err != nil || !bytes.Equal(got, body) {
			s.Fatalf("Open(%s) = %s, %v, want %s", key, brief(got), err, brief(body))
		}
		if info.Version != stat.Version || info.Size != stat.Size || info.Key != key {
			s.Fatalf("Open(%s) describes %+v, Stat %+v", key, info, stat)
		}
		if len(body) > storage.MaxRecord {
			continue
		}
		got, info, err = store.Get(s.ctx, key)
		if err != nil || !bytes.Equal(got, body) {
			s.Fatalf("Get(%s) = %s, %v, want %s", key, brief(got), err, brief(body))
		}
		if info.Version != stat.Version || info.Size != stat.Size || info.Key != key {
			s.Fatalf("Get(%s) describes %+v, Stat %+v", key, info, stat)
		}
	}
}

// lacks fails if either handle can see anything at key.
func (s *suite) lacks(key string) {
	s.Helper()
	for _, store := range []storage.Store{s.a, s.b} {
		_, _, err := store.Get(s.ctx, key)
		s.is(err, storage.ErrNotExist, "Get("+key+")")
		_, err = store.Stat(s.ctx, key)
		s.is(err, storage.ErrNotExist, "Stat("+key+")")
		if _, _, err = store.Open(s.ctx, key, 0, -1); err == nil {
			s.Fatalf("Open(%s) of an absent key gave a reader", key)
		}
		s.is(err, storage.ErrNotExist, "Open("+key+")")
		for _, k := range s.keys(store.List(s.ctx, key, "")) {
			if k == key {
				s.Fatalf("List shows absent %s", key)
			}
		}
	}
}

// kinds of the errors of the contract: callers on the far side of a wire see these alone.
var kinds = map[error]errs.Kind{
	storage.ErrNotExist: errs.NotFound, storage.ErrPrecondition: errs.Conflict, storage.ErrUnknown: errs.Unavailable,
}

// is fails unless err is exactly the one error of the contract that is wanted.
func (s *suite) is(err, want error, what string) {
	s.Helper()
	for sentinel, kind := range kinds {
		if errors.Is(err, sentinel) != (sentinel == want) {
			s.Fatalf("%s: error %v, want %v", what, err, want)
		}
		if sentinel == want && errs.KindOf(err) != kind {
			s.Fatalf("%s: error %v is of kind %v, want %v", what, err, errs.KindOf(err), kind)
		}
	}
}

// invalid fails unless err says that the request is wrong and nothing else.
func (s *suite) invalid(err error, what string) {
	s.Helper()
	if !errs.Is(err, errs.Invalid) {
		s.Fatalf("%s: error %v, want one of kind invalid", what, err)
	}
	s.is(err, nil, what)
}

// keys ranges over a listing that must succeed, in order and bare of metadata.
func (s *suite) keys(list iter.Seq2[storage.Info, error]) []string {
	s.Helper()
	keys := []string{}
	for info, err := range list {
		if err != nil {
			s.Fatalf("List: %v", err)
		}
		if len(keys) > 0 && info.Key <= keys[len(keys)-1] {
			s.Fatalf("List is out of order: %q after %q", info.Key, keys[len(keys)-1])
		}
		if info.Meta != nil {
			s.Fatalf("List gave metadata of %s", info.Key)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// opener is the half of Open that stores and sources share.
type opener interface {
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error)
}

func readAll(ctx context.Context, s opener, key string, off, n int64) (_ []byte, info storage.Info, err error) {
	r, info, err := s.Open(ctx, key, off, n)
	if err != nil {
		return nil, info, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	body, err := io.ReadAll(r)
	return body, info, err
}

// noise is n bytes that compress badly and differ by seed.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	body := make([]byte, n)
	rand.NewChaCha8(key).Read(body)
	return body
}

func brief(b []byte) string {
	if len(b) <= 40 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q... (%d bytes)", b[:40], len(b))
}
