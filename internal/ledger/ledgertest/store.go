// Package ledgertest is a model of an object store for the tests of the ledger, the lease and the records: one Store, and as many
// Clients of it as there are processes. What befalls each call (time, loss, delay) is decided by a function, so that a test can
// script it and the simulator can draw it by lot. A write may be applied long after its caller has given up on it; no real store
// lets a test say when.
//
// Its versions are hashes of the content, as ETags are: the same bytes have the same version.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/mrctl/mrctl/storage"
)

// Op is a kind of call.
type Op string

// The calls that are modelled.
const (
	Get    Op = "get"
	PutIf  Op = "put"
	List   Op = "list"
	Delete Op = "delete"
)

// Call is one call of a client.
type Call struct {
	Client string
	N      int // of this client, from 1
	Op     Op
	Key    string
	Body   []byte
	Want   storage.Version
}

// Fate is what befalls a call. The zero Fate is an answer at once.
type Fate struct {
	Before  time.Duration // until the store acts
	After   time.Duration // from there until the answer arrives
	Dropped bool          // the store never acts
	Silent  bool          // no answer ever arrives
	Err     error         // what the caller is told instead of the truth
}

// Applied is a write that took effect.
type Applied struct {
	At     time.Time
	Client string // "" for Set and Remove
	Op     Op
	Key    string
	Body   []byte
	Want   storage.Version
}

// Store is what all clients share.
type Store struct {
	// Blind says of a key that writes to it ignore their condition. It is set before the first call.
	Blind func(key string) bool
	// OnApply is told of each write that took effect, one at a time, in order.
	OnApply func(Applied)

	mu      sync.Mutex
	objects map[string][]byte // guarded by mu; bodies are never changed
	flying  sync.WaitGroup    // calls the store has yet to act on
}

// New makes an empty store.
func New() *Store { return &Store{objects: map[string][]byte{}} }

func version(body []byte) storage.Version {
	return storage.Version(fmt.Sprintf("%016x", xxh3.Hash(body)))
}

// Set writes an object as somebody with a shell would: without asking.
func (s *Store) Set(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(Applied{Op: PutIf, Key: key, Body: body})
}

// Remove deletes an object in the same way.
func (s *Store) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(Applied{Op: Delete, Key: key})
}

// Read gives an object's body, nil if it is absent.
func (s *Store) Read(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key]
}

// Keys lists what lies under prefix.
func (s *Store) Keys(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := slices.Sorted(maps.Keys(s.objects))
	return slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) })
}

// Settle waits until no write is under way any more.
func (s *Store) Settle() {
	s.mu.Lock() // what took off before is counted
	flying := &s.flying
	s.mu.Unlock()
	flying.Wait()
}

func (s *Store) apply(a Applied) {
	a.At = time.Now()
	if a.Op == Delete {
		delete(s.objects, a.Key)
	} else {
		s.objects[a.Key] = a.Body
	}
	if s.OnApply != nil {
		s.OnApply(a)
	}
}

func (s *Store) putIf(c Call) (storage.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var have storage.Version
	if old, ok := s.objects[c.Key]; ok {
		have = version(old)
	}
	if have != c.Want && (s.Blind == nil || !s.Blind(c.Key)) {
		return "", fmt.Errorf("put %s: %w", c.Key, storage.ErrPrecondition)
	}
	s.apply(Applied{Client: c.Client, Op: PutIf, Key: c.Key, Body: c.Body, Want: c.Want})
	return version(c.Body), nil
}

func (s *Store) delete(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[c.Key]; ok {
		s.apply(Applied{Client: c.Client, Op: Delete, Key: c.Key})
	}
}

// Client makes the store as one process sees it. fate decides what befalls each call; nil means that all goes well.
func (s *Store) Client(name string, fate func(Call) Fate) *Client {
	if fate == nil {
		fate = func(Call) Fate { return Fate{} }
	}
	return &Client{store: s, name: name, fate: fate, dead: make(chan struct{})}
}

// Client is a storage.Store for records: streams are not modelled.
type Client struct {
	storage.Store // nil: what is not modelled panics
	store         *Store
	name          string
	fate          func(Call) Fate
	dead          chan struct{}

	mu    sync.Mutex
	calls []Call // guarded by mu
}

// Kill ends the process: calls under way are never answered, though the store may still act on them; later ones are never sent.
func (c *Client) Kill() { close(c.dead) }

// Calls gives what was called so far.
func (c *Client) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// patience is how long a client waits for an answer if its caller sets no limit.
const patience = 20 * time.Second

var errNoAnswer = errors.New("no answer")

// takeOff runs what is under way on its own. The lock orders it before a Settle that comes later.
func (s *Store) takeOff(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying.Go(f)
}

// do has the store act as the call's fate has it, and reports whether an answer came.
func (c *Client) do(ctx context.Context, call Call, act func()) error {
	c.mu.Lock()
	call.Client, call.N = c.name, len(c.calls)+1
	c.calls = append(c.calls, call)
	c.mu.Unlock()
	select {
	case <-c.dead:
		return errNoAnswer
	case <-ctx.Done():
		return errNoAnswer // not sent
	default:
	}
	fate := c.fate(call)
	if fate == (Fate{}) {
		act()
		return nil
	}
	answer := make(chan struct{})
	c.store.takeOff(func() {
		time.Sleep(fate.Before)
		if !fate.Dropped {
			act()
		}
		if fate.Silent {
			return
		}
		time.Sleep(fate.After)
		close(answer)
	})
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-answer:
		return fate.Err
	case <-ctx.Done():
	case <-limit.C:
	case <-c.dead:
	}
	return errNoAnswer
}

// Get reads a record.
func (c *Client) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	var body []byte
	var ok bool
	if err := c.do(ctx, Call{Op: Get, Key: key}, func() {
		c.store.mu.Lock()
		defer c.store.mu.Unlock()
		body, ok = c.store.objects[key]
	}); err != nil {
		return nil, storage.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	if !ok {
		return nil, storage.Info{}, fmt.Errorf("get %s: %w", key, storage.ErrNotExist)
	}
	return slices.Clone(body), storage.Info{Key: key, Size: int64(len(body)), Version: version(body)}, nil
}

// PutIf writes a record under a condition.
func (c *Client) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	call := Call{Client: c.name, Op: PutIf, Key: key, Body: slices.Clone(body), Want: want}
	var v storage.Version
	var err error
	said := c.do(ctx, call, func() { v, err = c.store.putIf(call) })
	if said == errNoAnswer {
		return "", fmt.Errorf("put %s: %w", key, storage.ErrUnknown)
	}
	if said != nil {
		return "", fmt.Errorf("put %s: %w", key, said)
	}
	return v, err
}

// List lists records.
func (c *Client) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		var infos []storage.Info
		err := c.do(ctx, Call{Op: List, Key: prefix}, func() {
			c.store.mu.Lock()
			defer c.store.mu.Unlock()
			for k, body := range c.store.objects {
				if strings.HasPrefix(k, prefix) && k > after {
					infos = append(infos, storage.Info{Key: k, Size: int64(len(body)), Version: version(body)})
				}
			}
		})
		if err != nil {
			yield(storage.Info{}, fmt.Errorf("list %s: %w", prefix, err))
			return
		}
		slices.SortFunc(infos, func(a, b storage.Info) int { return strings.Compare(a.Key, b.Key) })
		for _, info := range infos {
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Delete removes a record.
func (c *Client) Delete(ctx context.Context, key string) error {
	call := Call{Client: c.name, Op: Delete, Key: key}
	err := c.do(ctx, call, func() { c.store.delete(call) })
	if err == errNoAnswer {
		err = storage.ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}
