package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// ahead fetches the bytes of a split before they are asked for, in order, a few requests at once. A request for few
// bytes, or for a range of a large remote object, is read whole into memory; of a large file on this machine only the
// opening is done ahead, as the file system reads ahead by itself.
type ahead struct {
	ctx    context.Context // the reader's life
	cancel context.CancelFunc
	src    Sources
	limit  int64 // bytes held ahead, in all
	next   func() (*fetch, bool)
	stop   func()

	// Those who fetch, started as there is work for them: a new goroutine for each of many files would grow its stack anew.
	wg      sync.WaitGroup
	work    chan *group // has room for all that are under way
	workers int

	queue []*fetch // started, in order
	ahead int      // groups in queue
	held  int64    // bytes of those in queue
	later *fetch   // taken from next, not started for want of room

	mu     sync.Mutex
	free   [][]byte // buffers used before; guarded by mu
	unused int64    // bytes of those; guarded by mu
}

// aheadRequests is how many requests are under way at most, those of a group counted as one.
const aheadRequests = 8

// Requests for small files on this machine go in groups, one after the other: to hand each over by itself costs as much as
// to read it.
const (
	groupSize = 16
	groupable = 16 << 10 // bytes of a request
)

// group is requests that one goroutine runs in order. done is closed when all have been answered.
type group struct {
	list []*fetch
	done chan struct{}
}

// fetch is one request. What is below group belongs to the goroutine that runs it until the group is done.
type fetch struct {
	piece  int // its place in the split
	p      Piece
	off, n int64
	direct bool // leave the body open instead of reading it

	group *group // nil: it is run by who asks
	data  []byte
	body  io.ReadCloser
	err   error
}

func newAhead(ctx context.Context, src Sources, limit int64, requests iter.Seq[*fetch]) *ahead {
	a := &ahead{src: src, limit: limit, work: make(chan *group, aheadRequests)}
	a.ctx, a.cancel = context.WithCancel(ctx)
	a.next, a.stop = iter.Pull(requests)
	return a
}

// fill starts requests while there is room. The first in the queue is always started, whatever its size.
func (a *ahead) fill() {
	for a.ahead < aheadRequests {
		g := &group{done: make(chan struct{})}
		for len(g.list) < groupSize {
			f, ok := a.another(g.list)
			if !ok {
				break
			}
			f.group = g
			g.list = append(g.list, f)
			a.held += f.memory()
			a.queue = append(a.queue, f)
		}
		if len(g.list) == 0 {
			return
		}
		a.ahead++
		work := a.work
		work <- g
		if a.workers < a.ahead {
			a.workers++
			a.wg.Go(func() {
				for g := range work {
					a.runAll(g)
				}
			})
		}
	}
}

// another takes the next request, if there is one, room for it, and it may go with those in list.
func (a *ahead) another(list []*fetch) (*fetch, bool) {
	f := a.later
	if a.later = nil; f == nil {
		var ok bool
		if f, ok = a.next(); !ok {
			return nil, false
		}
	}
	if len(a.queue) > 0 && a.held+f.memory() > a.limit || len(list) > 0 && !(f.groups() && list[0].groups()) {
		a.later = f
		return nil, false
	}
	return f, true
}

// groups reports whether a request may go together with others.
func (f *fetch) groups() bool { return !f.direct && f.n <= groupable && !remote(f.p.URI) }

// pop takes the first of the queue off it.
func (a *ahead) pop() *fetch {
	f := a.queue[0]
	<-f.group.done
	a.queue = a.queue[1:]
	a.held -= f.memory()
	if len(a.queue) == 0 || a.queue[0].group != f.group {
		a.ahead--
	}
	return f
}

func (f *fetch) memory() int64 {
	if f.direct {
		return 0
	}
	return f.n
}

// take waits for the next request of a piece; nil when there is none.
func (a *ahead) take(ctx context.Context, piece int) (*fetch, error) {
	a.fill()
	if len(a.queue) == 0 || a.queue[0].piece != piece {
		return nil, nil
	}
	select {
	case <-a.queue[0].group.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	f := a.pop()
	a.fill()
	return f, f.err
}

// skip drops what was fetched for a piece and is not wanted any more.
func (a *ahead) skip(piece int) {
	for len(a.queue) > 0 && a.queue[0].piece == piece {
		a.release(a.pop())
	}
	for len(a.queue) == 0 && (a.later == nil || a.later.piece == piece) {
		f, ok := a.next()
		if a.later = f; !ok {
			a.later = nil
			return
		}
	}
}

// now runs a request at once, before all others.
func (a *ahead) now(f *fetch) error {
	a.run(f)
	return f.err
}

func (a *ahead) runAll(g *group) {
	defer close(g.done)
	for _, f := range g.list {
		a.run(f)
	}
}

func (a *ahead) run(f *fetch) {
	src, key, err := a.src.Source(f.p.URI)
	if err != nil {
		f.err = err
		return
	}
	body, _, err := src.Open(a.ctx, key, f.off, f.n, f.p.Version)
	if err != nil {
		f.err = inputError(f.p.URI, err)
		return
	}
	if f.direct {
		f.body = body
		return
	}
	f.data = a.buffer(f.n)
	n := 0
	for n < len(f.data) && err == nil {
		var k int
		k, err = body.Read(f.data[n:])
		n += k
	}
	switch {
	case n == len(f.data) && (err == nil || atEnd(err)): // else it may have changed meanwhile
		err = nil
	case atEnd(err):
		err = shorter(f.p, f.off+int64(n))
	}
	f.err = inputError(f.p.URI, errors.Join(err, body.Close()))
}

// close ends all that is under way and waits for it. Idempotent.
func (a *ahead) close() {
	a.cancel()
	if a.work != nil {
		close(a.work)
		a.work = nil
	}
	a.wg.Wait()
	for _, f := range a.queue {
		a.release(f)
	}
	a.queue = nil
	a.stop()
}

// buffer gives n bytes, from those released where there are some that are not far too large.
func (a *ahead) buffer(n int64) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k := len(a.free); k > 0 && int64(cap(a.free[k-1])) >= n && int64(cap(a.free[k-1])) <= 4*n {
		b := a.free[k-1][:n]
		a.free = a.free[:k-1]
		a.unused -= int64(cap(b))
		return b
	}
	return make([]byte, n)
}

// release gives back what a request holds.
func (a *ahead) release(f *fetch) {
	if f.body != nil {
		_ = f.body.Close() // nothing of it is wanted, nor what it says
		f.body = nil
	}
	if f.data == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if more := int64(cap(f.data)); len(a.free) < aheadRequests*groupSize && a.unused+more <= a.limit {
		a.free = append(a.free, f.data[:0])
		a.unused += more
	}
	f.data = nil
}

var errChanged = errors.New("the input changed while the job ran: it is not the object that was planned")

// inputError tells a change of the input apart from what else befalls a read.
func inputError(uri string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrPrecondition):
		return errs.E(errs.Conflict, "input", uri, errChanged)
	case errors.Is(err, storage.ErrNotExist):
		return errs.E(errs.Conflict, "input", uri,
			errors.New("the input changed while the job ran: it is gone, or not to be seen from this machine"))
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		// A connection that broke. Who asks errors.Is(err, io.EOF) must not take it for the end of the input.
		return errs.E(errs.Unavailable, "read input", uri, errors.New(err.Error()))
	}
	return errs.E(errs.Other, "read input", uri, err)
}

// atEnd tells the end of a stream. An error that only wraps io.EOF is a connection that broke.
func atEnd(err error) bool { return err == io.EOF }

// shorter is the change that shows only as an early end.
func shorter(p Piece, end int64) error {
	return fmt.Errorf("%w: it ends at byte %d of %d", storage.ErrPrecondition, end, p.Size)
}
