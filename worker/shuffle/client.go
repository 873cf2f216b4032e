package shuffle

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/retry"
	"github.com/mrctl/mrctl/worker/runs"
)

// Config says how a worker reads from others. Worker, Lookup and Routes are required.
type Config struct {
	Worker string      // this worker; its own runs are read from disk
	Lookup Lookup      // of this worker's runs
	Shelf  *runs.Shelf // keeps them open; nil: each is opened for each section
	// Routes gives the ways to the runs of a producer, at least one, as (*Conns).Routes does.
	Routes func(addr string) ([]Route, error)

	Streams int           // producers read from at once; 0: 4
	Tries   int           // of a stream, in a row, that bring nothing; 0: 6
	Backoff time.Duration // before the second try, with full jitter; doubles up to 50 times it. 0: 200 ms
	Stall   time.Duration // without a frame a stream is given up; 0: 10 s
	Log     *zap.Logger
}

func (c Config) withDefaults() Config {
	if c.Streams <= 0 {
		c.Streams = 4
	}
	if c.Tries <= 0 {
		c.Tries = 6
	}
	if c.Backoff <= 0 {
		c.Backoff = 200 * time.Millisecond
	}
	if c.Stall <= 0 {
		c.Stall = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

// Client fetches sections. It is safe for concurrent use.
type Client struct {
	cfg Config

	mu    sync.Mutex
	gates map[string]*retry.Gate // guarded by mu; by a producer's address
}

// NewClient makes a client.
func NewClient(cfg Config) *Client {
	return &Client{cfg: cfg.withDefaults(), gates: map[string]*retry.Gate{}}
}

// gate stands between this worker and a producer. Many attempts read from one: what some have found out about it the others
// need not. Theirs is a try that failed, then, without a connection; nobody waits longer than he would have.
func (c *Client) gate(addr string) *retry.Gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.gates[addr]
	if g == nil {
		g = retry.NewGate("worker at "+addr, retry.Limits{Trip: 8, Rest: 500 * time.Millisecond})
		c.gates[addr] = g
	}
	return g
}

// Request is what one reduce attempt wants.
type Request struct {
	Job              string
	Stage, Partition uint32
	Sources          []*sessionv1.Source
	Span             *runs.Span // of runs that are ordered: the partition is these keys
	// Memory holds landed sections while it has room; the rest goes to files in Scratch, made when needed. Files stay
	// behind for the owner of Scratch.
	Memory  *budget.Budget
	Scratch string
	// Landed, if set, is given each section as soon as it has landed, and owns it; Fetched then has none. It is called from
	// several goroutines, one at a time.
	Landed func(Landed)
	// Progress is told the bytes that came over the wire, all told; from several goroutines, one at a time.
	Progress func(bytes int64)
}

// Landed is a section ready to be merged.
type Landed struct {
	Worker        string
	Task, Attempt uint32
	Local         bool       // read where it lies: its bytes have not been checked yet
	Range         runs.Range // of Len 0 where the partition is empty; Done gives its memory back
}

// Fetched is every section asked for, in no promised order, unless each was handed over as it landed.
type Fetched struct {
	Sections []Landed
	Bytes    int64 // that came over the wire
	Spilled  int64 // of those, that went to scratch
}

// release gives up all sections.
func (f *Fetched) release() {
	for _, s := range f.Sections {
		if s.Range.Done != nil {
			s.Range.Done()
		}
	}
}

// Fetch lands the request's partition of every run of its sources. Where runs cannot be had it reports all of them in one
// *MissingError; other errors are of the reader's own disk, or the context's end. After an error nothing is held, but for what
// Request.Landed was given.
func (c *Client) Fetch(ctx context.Context, req Request) (Fetched, error) {
	f := &fetch{c: c, req: req}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.cfg.Streams)
	for _, src := range req.Sources {
		g.Go(func() error {
			if src.GetWorker() == c.cfg.Worker {
				f.local(src)
				return nil
			}
			return f.source(ctx, src)
		})
	}
	err := g.Wait()
	if err == nil && len(f.missing) > 0 {
		err = &MissingError{Runs: f.missing}
	}
	if err != nil {
		f.got.release()
		return Fetched{}, err
	}
	return f.got, nil
}

// fetch is one call of Fetch.
type fetch struct {
	c   *Client
	req Request

	pace pace

	mu      sync.Mutex
	got     Fetched   // guarded by mu
	missing []Missing // guarded by mu
}

func (f *fetch) landed(l Landed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.req.Landed != nil {
		f.req.Landed(l)
		return
	}
	f.got.Sections = append(f.got.Sections, l)
}

func (f *fetch) lost(src *sessionv1.Source, i int, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.missing = append(f.missing, Missing{src.GetWorker(), src.GetTasks()[i], src.GetAttempts()[i], why})
}

// received counts bytes off the wire.
func (f *fetch) received(n int, toScratch bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got.Bytes += int64(n)
	if toScratch {
		f.got.Spilled += int64(n)
	}
	if f.req.Progress != nil {
		f.req.Progress(f.got.Bytes)
	}
}

// local finds sections on this worker's own disk.
func (f *fetch) local(src *sessionv1.Source) {
	for i, task := range src.GetTasks() {
		attempt := src.GetAttempts()[i]
		path, ok := f.c.cfg.Lookup(f.req.Job, f.req.Stage, task, attempt)
		if !ok {
			f.lost(src, i, "not held here")
			continue
		}
		var r runs.Range
		var err error
		if f.req.Span != nil {
			r, err = f.c.cfg.Shelf.Span(path, f.req.Span)
		} else {
			r, err = f.c.cfg.Shelf.Section(path, int(f.req.Partition))
		}
		if err != nil {
			f.lost(src, i, err.Error())
			continue
		}
		f.landed(Landed{Worker: src.GetWorker(), Task: task, Attempt: attempt, Local: true, Range: r})
	}
}

// pause waits before try n (from 1) with full jitter.
func (c *Client) pause(ctx context.Context, n int) error {
	most := min(c.cfg.Backoff<<min(n-1, 10), 50*c.cfg.Backoff)
	t := time.NewTimer(rand.N(most) + 1)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
