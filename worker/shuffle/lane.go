package shuffle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/retry"
)

// lane reads runs of one producer, over one stream at a time.
//
// Invariant: runs below cur are landed or lost; cur is where the stream stands, with land, while it is not nil, holding
// what has come of it. They outlive a broken stream.
type lane struct {
	f    *fetch
	src  *sessionv1.Source
	cur  int
	land *landing
	dir  scratchFile

	way     int  // the route that the present try takes, modulo how many there are
	slow    int  // streams given up because others were faster
	damaged int  // times that the present run came damaged
	moved   bool // the present try has brought something
	meter   meter
}

// maxSlow is how often a lane looks for a faster route. After that it stays on a stream that brings anything at all.
const maxSlow = 2

var errSlow = errors.New("far slower than the other streams")

// fatal is an error that no other try would mend: of the reader's own disk.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// fetch lands every run of the lane, or reports it lost.
func (l *lane) fetch(ctx context.Context) (err error) {
	defer func() {
		l.drop()
		l.f.pace.note(l, l.meter.read())
		if closeErr := l.dir.close(); err == nil {
			err = closeErr
		}
	}()
	failed := 0
	for l.cur < len(l.src.GetTasks()) {
		l.moved = false
		err := l.try(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f := (fatal{}); errors.As(err, &f) {
			return f.error
		}
		l.way++
		if l.moved {
			failed = 0
		}
		if errors.Is(err, errSlow) {
			l.slow++
		} else {
			failed++
		}
		l.f.c.cfg.Log.Info("shuffle stream given up", zap.String("producer", l.src.GetWorker()), zap.String("addr", l.src.GetAddr()),
			zap.Int("runs_left", len(l.src.GetTasks())-l.cur), zap.Int("failed", failed), zap.Error(err))
		if failed >= l.f.c.cfg.Tries {
			if l.src.GetWorker() == ledger.InStore {
				return err // a store that is away has lost nothing: the attempt is for later
			}
			for i := l.cur; i < len(l.src.GetTasks()); i++ {
				l.f.lost(l.src, i, fmt.Sprintf("%d tries: %v", failed, err))
			}
			return nil
		}
		if failed > 0 {
			if err := l.f.c.pause(ctx, failed); err != nil {
				return err
			}
		}
	}
	return nil
}

// try opens one stream and takes what it brings. nil means that it came to its good end.
func (l *lane) try(ctx context.Context) (err error) {
	pass, err := l.f.c.gate(l.src.GetAddr()).Enter(ctx, 0)
	if err != nil {
		return err
	}
	defer func(ctx context.Context) {
		switch {
		case err == nil:
			pass.Answered()
		case ctx.Err() != nil:
			pass.Unheard()
		}
		pass.Failed(err)
	}(ctx)
	routes, err := l.f.c.cfg.Routes(l.src.GetAddr())
	if err != nil {
		return err
	}
	if len(routes) == 0 {
		return errs.New(errs.Unavailable, "there is no way to %s", l.src.GetAddr())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watched sync.WaitGroup
	defer watched.Wait()
	defer cancel(nil)
	l.meter.begin()
	watched.Go(func() { l.watch(ctx, cancel) })

	req := &shufflev1.FetchRequest{Job: l.f.req.Job, Stage: l.f.req.Stage, Partition: l.f.req.Partition, Span: wireSpan(l.f.req.Span)}
	for i := l.cur; i < len(l.src.GetTasks()); i++ {
		req.Runs = append(req.Runs, &shufflev1.RunRange{Task: l.src.GetTasks()[i], Attempt: l.src.GetAttempts()[i]})
	}
	if l.land != nil {
		req.Runs[0].Skip = uint64(l.land.at)
	}
	stream, err := routes[l.way%len(routes)].Open(ctx, req)
	if err == nil {
		err = l.receive(stream, pass)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// receive takes the frames of a stream that begins with the present run.
func (l *lane) receive(stream Frames, pass *retry.Pass) error {
	if c, ok := stream.(io.Closer); ok {
		defer c.Close() // only read
	}
	m := new(shufflev1.FetchResponse)
	msg := frame.Loose{Head: m}
	defer msg.Free()
	first := l.cur
	refused := -1 // a run that its producer has damaged, of which frames may still come
	for {
		l.meter.begin()
		err := stream.RecvMsg(&msg)
		l.meter.end(msg.Body.Len())
		if errors.Is(err, io.EOF) {
			if l.cur < len(l.src.GetTasks()) {
				return errs.New(errs.Unavailable, "the stream ended %d runs early", len(l.src.GetTasks())-l.cur)
			}
			return nil
		}
		if err != nil {
			return errs.FromStatus(err)
		}
		pass.Answered()
		run := first + int(m.GetRun())
		if run == refused {
			continue
		}
		if run != l.cur || run >= len(l.src.GetTasks()) {
			return errs.New(errs.Corrupt, "a frame of run %d where %d was due", run, l.cur)
		}
		if why := m.GetMissing(); why != "" {
			l.lose(why)
			continue
		}
		if err := l.take(m, msg.Body); err != nil {
			if !l.refuse(err) {
				return err
			}
			refused = run
		}
	}
}

// watch ends a stream that brings nothing, or far less than its peers do.
func (l *lane) watch(ctx context.Context, give context.CancelCauseFunc) {
	stall := l.f.c.cfg.Stall
	tick := time.NewTicker(max(stall/paceTicks, 1))
	defer tick.Stop()
	past := window{l.meter.read()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := l.meter.read()
		if now.silence >= stall {
			give(errs.New(errs.Unavailable, "nothing came for %v", stall))
			return
		}
		came := past.slide(now)
		if l.f.pace.slow(l, came) && came.waited >= 2*stall/paceTicks && l.slow < maxSlow {
			give(errSlow)
			return
		}
	}
}

// lose gives the present run up.
func (l *lane) lose(why string) {
	l.drop()
	l.f.lost(l.src, l.cur, why)
	l.cur++
	l.damaged, l.moved = 0, true
}

// drop forgets what has landed of the present run.
func (l *lane) drop() {
	if l.land != nil {
		l.land.drop()
		l.land = nil
	}
}
