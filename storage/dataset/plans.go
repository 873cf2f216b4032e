package dataset

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// cachedChunks is how many chunks Plans keeps. Tasks of a job are handed out in order, so a few do.
const cachedChunks = 4

// Plans reads plans and keeps the chunks last used, for a worker that runs task after task. Plans never change, so
// nothing in it goes stale. It is safe for concurrent use.
type Plans struct {
	store storage.Store

	mu     sync.Mutex
	heads  []Head        // guarded by mu; the last used at the end, as in chunks
	chunks []cachedChunk // guarded by mu
}

type cachedChunk struct {
	nonce  string
	chunk  int
	splits []Split
}

// NewPlans makes a reader of the plans in a store.
func NewPlans(store storage.Store) *Plans { return &Plans{store: store} }

// Head reads the head of a job's plan.
func (p *Plans) Head(ctx context.Context, job string) (Head, error) {
	p.mu.Lock()
	i := slices.IndexFunc(p.heads, func(h Head) bool { return h.Job == job })
	if i >= 0 {
		h := p.heads[i]
		p.heads = append(slices.Delete(p.heads, i, i+1), h)
		p.mu.Unlock()
		return h, nil
	}
	p.mu.Unlock()
	// Two that miss at once read it twice; that is cheaper than a lock held over a request.
	h, err := ReadHead(ctx, p.store, job)
	if err != nil {
		return Head{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heads = keepLast(append(p.heads, h))
	return h, nil
}

// Split reads the split of a task. It is shared: callers do not change it.
func (p *Plans) Split(ctx context.Context, job string, task int) (Split, error) {
	h, err := p.Head(ctx, job)
	if err != nil {
		return Split{}, err
	}
	if task < 0 || task >= h.Maps {
		return Split{}, errs.E(errs.Invalid, "plan", job, fmt.Errorf("it has no task %d, only %d", task, h.Maps))
	}
	chunk, n := h.chunkOf(task)
	if splits, ok := p.cached(h.Nonce, chunk); ok {
		return splits[task-h.First[chunk]], nil
	}
	splits, err := readChunk(ctx, p.store, h, chunk, n)
	if err != nil {
		return Split{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chunks = keepLast(append(p.chunks, cachedChunk{nonce: h.Nonce, chunk: chunk, splits: splits}))
	return splits[task-h.First[chunk]], nil
}

func (p *Plans) cached(nonce string, chunk int) ([]Split, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.chunks, func(c cachedChunk) bool { return c.nonce == nonce && c.chunk == chunk })
	if i < 0 {
		return nil, false
	}
	c := p.chunks[i]
	p.chunks = append(slices.Delete(p.chunks, i, i+1), c)
	return c.splits, true
}

func keepLast[T any](list []T) []T {
	if len(list) > cachedChunks {
		list = slices.Delete(list, 0, len(list)-cachedChunks)
	}
	return list
}
