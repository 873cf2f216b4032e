package retry

import (
	"context"
	"sync"

	"github.com/failsafe-go/failsafe-go/bulkhead"
)

type jobKey struct{}

// ForJob says on whose behalf calls are made. Those of one job have a bound of their own before each gate, so that a job
// that waits for a slow place leaves room to others.
func ForJob(ctx context.Context, job string) context.Context {
	return context.WithValue(ctx, jobKey{}, job)
}

// JobOf is the job that ForJob named, or nothing.
func JobOf(ctx context.Context) string {
	job, _ := ctx.Value(jobKey{}).(string) // absent: nobody's
	return job
}

// cells are the bulkheads of jobs before one gate. A job that has no call under way has none.
type cells struct {
	size uint // calls

	mu   sync.Mutex
	jobs map[string]*cell // guarded by mu
}

type cell struct {
	bulkhead.Bulkhead[any]
	users int // who is in it or waits; guarded by cells.mu
}

// enter waits for room in a job's cell. What belongs to no job is not bounded.
func (c *cells) enter(ctx context.Context, job string) (leave func(), err error) {
	if job == "" {
		return func() {}, nil
	}
	c.mu.Lock()
	of := c.jobs[job]
	if of == nil {
		of = &cell{Bulkhead: bulkhead.New[any](c.size)}
		if c.jobs == nil {
			c.jobs = map[string]*cell{}
		}
		c.jobs[job] = of
	}
	of.users++
	c.mu.Unlock()
	if err := of.AcquirePermit(ctx); err != nil {
		c.gone(job, of)
		return nil, err
	}
	return func() {
		of.ReleasePermit()
		c.gone(job, of)
	}, nil
}

func (c *cells) gone(job string, of *cell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if of.users--; of.users == 0 {
		delete(c.jobs, job)
	}
}
