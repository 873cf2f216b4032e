package coordinator

import (
	"context"
	"iter"
	"strings"
	"sync"

	"github.com/mrctl/mrctl/storage"
)

// gate is a store whose calls a test can hold up or fail.
type gate struct {
	storage.Store

	mu    sync.Mutex
	rules []*rule // guarded by mu
}

// rule stops the calls of one operation on keys that contain a text.
type rule struct {
	op, part string
	err      error         // what they return; nil: they go on when the rule is lifted
	reached  chan struct{} // one value for each call stopped
	lifted   chan struct{}
	once     sync.Once
}

// hold stops calls until lift. It must be lifted before the test ends.
func (g *gate) hold(op, part string) *rule { return g.add(&rule{op: op, part: part}) }

// fail makes calls fail until lift.
func (g *gate) fail(op, part string, err error) *rule {
	return g.add(&rule{op: op, part: part, err: err})
}

func (g *gate) add(r *rule) *rule {
	r.reached, r.lifted = make(chan struct{}, 1000), make(chan struct{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules = append(g.rules, r)
	return r
}

func (r *rule) lift() { r.once.Do(func() { close(r.lifted) }) }

func (r *rule) isLifted() bool {
	select {
	case <-r.lifted:
		return true
	default:
		return false
	}
}

func (g *gate) pass(ctx context.Context, op, key string) error {
	g.mu.Lock()
	rules := g.rules
	g.mu.Unlock()
	for _, r := range rules {
		if r.op != op || !strings.Contains(key, r.part) || r.isLifted() {
			continue
		}
		r.reached <- struct{}{}
		if r.err != nil {
			return r.err
		}
		select {
		case <-r.lifted:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (g *gate) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	if err := g.pass(ctx, "get", key); err != nil {
		return nil, storage.Info{}, err
	}
	return g.Store.Get(ctx, key)
}

func (g *gate) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	if err := g.pass(ctx, "put", key); err != nil {
		return "", err
	}
	return g.Store.PutIf(ctx, key, body, want)
}

func (g *gate) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	if err := g.pass(ctx, "publish", ""); err != nil {
		return storage.Info{}, err
	}
	return g.Store.Publish(ctx, t)
}

func (g *gate) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	if err := g.pass(ctx, "list", prefix); err != nil {
		return func(yield func(storage.Info, error) bool) { yield(storage.Info{}, err) }
	}
	return g.Store.List(ctx, prefix, after)
}
