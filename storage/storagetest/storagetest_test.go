package storagetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

// Stores that break one sentence each, in ways that servers are known for. The suite must find every one out.

// overwriting ignores If-None-Match.
type overwriting struct{ storage.Store }

func (s overwriting) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	if info, err := s.Stat(ctx, key); want == "" && err == nil {
		want = info.Version
	}
	return s.Store.PutIf(ctx, key, body, want)
}

// mixed reads value and version at two moments.
type mixed struct{ storage.Store }

func (s mixed) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	body, _, err := s.Store.Get(ctx, key)
	if err != nil {
		return nil, storage.Info{}, err
	}
	runtime.Gosched()
	info, err := s.Stat(ctx, key)
	return body, info, err
}

// checkThenAct compares versions and writes in two steps, and between them gives others a chance to write.
type checkThenAct struct{ storage.Store }

func (s checkThenAct) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	info, err := s.Stat(ctx, key)
	if err != nil && !errors.Is(err, storage.ErrNotExist) || info.Version != want {
		return s.Store.PutIf(ctx, key, body, want)
	}
	for range 200 {
		if now, err := s.Stat(ctx, key); err != nil && !errors.Is(err, storage.ErrNotExist) || now.Version != want {
			break
		}
		runtime.Gosched()
	}
	for {
		v, err := s.Store.PutIf(ctx, key, body, info.Version)
		if !errors.Is(err, storage.ErrPrecondition) {
			return v, err
		}
		if info, err = s.Stat(ctx, key); err != nil && !errors.Is(err, storage.ErrNotExist) {
			return "", err
		}
	}
}

// forgetful takes a second Publish of the winner for somebody else's.
type forgetful struct {
	storage.Store
	seen *sync.Map
}

func (s forgetful) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	if _, again := s.seen.LoadOrStore(t, true); again {
		return storage.Info{}, storage.Fail("publish", "", storage.ErrPrecondition)
	}
	return s.Store.Publish(ctx, t)
}

// credulous says yes to every Publish, like servers that answer 200 when anything lies at the key.
type credulous struct{ storage.Store }

func (s credulous) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	info, err := s.Store.Publish(ctx, t)
	if errors.Is(err, storage.ErrPrecondition) {
		err = nil
	}
	return info, err
}

// unordered lists folders as a walk does: a/b before a-b.
type unordered struct{ storage.Store }

func (s unordered) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		var last *storage.Info
		for info, err := range s.Store.List(ctx, prefix, after) {
			if last != nil && info.Key == "a/-" {
				info, *last = *last, info
			}
			if last != nil && !yield(*last, nil) {
				return
			}
			if err != nil {
				yield(info, err)
				return
			}
			last = &info
		}
		if last != nil {
			yield(*last, nil)
		}
	}
}

// stale lists what was there at the last listing but one.
type stale struct {
	storage.Store
	deleted *sync.Map
}

func (s stale) Delete(ctx context.Context, key string) error {
	s.deleted.Store(key, true) // and nothing more
	return ctx.Err()
}

// recorder is a test whose failure is what is wanted.
type recorder struct {
	testing.TB // nil: only what is below is called
	mu         sync.Mutex
	said       string // the first failure; guarded by mu
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == "" {
		r.said = fmt.Sprintf(format, args...)
	}
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) Skip(...any)       { runtime.Goexit() }

func TestSuiteHasTeeth(t *testing.T) {
	for name, breakIt := range map[string]func(storage.Store) storage.Store{
		"overwriting":  func(s storage.Store) storage.Store { return overwriting{s} },
		"mixed":        func(s storage.Store) storage.Store { return mixed{s} },
		"checkThenAct": func(s storage.Store) storage.Store { return checkThenAct{s} },
		"forgetful":    func(s storage.Store) storage.Store { return forgetful{s, &sync.Map{}} },
		"credulous":    func(s storage.Store) storage.Store { return credulous{s} },
		"unordered":    func(s storage.Store) storage.Store { return unordered{s} },
		"stale":        func(s storage.Store) storage.Store { return stale{s, &sync.Map{}} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			for _, group := range [][]sentence{records, streams, lists, races} {
				for _, s := range group {
					store := breakIt(mem.New())
					r := &recorder{}
					done := make(chan struct{})
					go func() { // Fatal ends its goroutine
						defer close(done)
						s.check(&suite{TB: r, ctx: ctx, a: store, b: store})
					}()
					<-done
					if r.said != "" {
						t.Logf("found out by %q: %s", s.name, r.said)
						return
					}
				}
			}
			t.Error("the suite has nothing to say against it")
		})
	}
}

// TestHistoriesHaveTeeth: the history of a store that breaks the contract of a record is found out.
func TestHistoriesHaveTeeth(t *testing.T) {
	for name, broken := range map[string]storage.Store{
		"overwriting":  overwriting{mem.New()},
		"checkThenAct": checkThenAct{mem.New()},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			histories[0].check(&suite{TB: r, ctx: t.Context(), a: broken, b: broken})
			if r.said == "" {
				t.Error("its history is explained")
			}
		})
	}
}
