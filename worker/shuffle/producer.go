package shuffle

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"go.uber.org/zap"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/worker/runs"
)

// producer reads all that one worker holds for a fetch, over one stream at a time.
//
// Invariant: runs below cur are landed or lost; cur is where the stream stands, with land, while it is not nil, holding
// what has come of it. They outlive a broken stream.
type producer struct {
	f    *fetch
	src  *sessionv1.Source
	cur  int
	land *landing
	dir  scratchFile

	moved bool // the present try has brought something
}

func newProducer(f *fetch, i int, src *sessionv1.Source) *producer {
	return &producer{f: f, src: src, dir: scratchFile{dir: f.req.Scratch, name: fmt.Sprintf("fetch-%d", i)}}
}

// fatal is an error that no other try would mend: of the reader's own disk.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// fetch lands every run of the source, or reports it lost.
func (p *producer) fetch(ctx context.Context) (err error) {
	defer func() {
		if p.land != nil {
			p.land.drop()
		}
		if closeErr := p.dir.close(); err == nil {
			err = closeErr
		}
	}()
	failed := 0
	for p.cur < len(p.src.GetTasks()) {
		p.moved = false
		err := p.try(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f := (fatal{}); errors.As(err, &f) {
			return f.error
		}
		if p.moved {
			failed = 0
		}
		failed++
		p.f.c.cfg.Log.Info("shuffle stream broke", zap.String("producer", p.src.GetWorker()), zap.String("addr", p.src.GetAddr()),
			zap.Int("runs_left", len(p.src.GetTasks())-p.cur), zap.Int("try", failed), zap.Error(err))
		if failed >= p.f.c.cfg.Tries {
			for i := p.cur; i < len(p.src.GetTasks()); i++ {
				p.f.lost(p.src, i, fmt.Sprintf("%d tries: %v", failed, err))
			}
			return nil
		}
		if err := p.f.c.pause(ctx, failed); err != nil {
			return err
		}
	}
	return nil
}

// try opens one stream and takes what it brings. nil means that it came to its good end.
func (p *producer) try(ctx context.Context) error {
	conn, err := p.f.c.cfg.Conn(p.src.GetAddr())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(p.f.c.cfg.Stall, func() {
		cancel(errs.New(errs.Unavailable, "nothing came for %v", p.f.c.cfg.Stall))
	})
	defer stall.Stop()

	req := &shufflev1.FetchRequest{Job: p.f.req.Job, Stage: p.f.req.Stage, Partition: p.f.req.Partition}
	for i := p.cur; i < len(p.src.GetTasks()); i++ {
		req.Runs = append(req.Runs, &shufflev1.RunRange{Task: p.src.GetTasks()[i], Attempt: p.src.GetAttempts()[i]})
	}
	if p.land != nil {
		req.Runs[0].Skip = uint64(p.land.at)
	}
	stream, err := shufflev1.NewShuffleServiceClient(conn).Fetch(ctx, req, frame.Call())
	if err != nil {
		return errs.FromStatus(err)
	}
	first := p.cur
	refused := -1 // a run found damaged at its producer, of which frames may still come
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if p.cur < len(p.src.GetTasks()) {
				return errs.New(errs.Unavailable, "the stream ended %d runs early", len(p.src.GetTasks())-p.cur)
			}
			return nil
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return errs.FromStatus(err)
		}
		stall.Reset(p.f.c.cfg.Stall)
		run := first + int(m.GetRun())
		if run == refused {
			continue
		}
		if run != p.cur || run >= len(p.src.GetTasks()) {
			return errs.New(errs.Corrupt, "a frame of run %d where %d was due", run, p.cur)
		}
		if why := m.GetMissing(); why != "" {
			p.lose(why)
			continue
		}
		err = p.take(m)
		if errs.Is(err, errs.Corrupt) && isRun(err) {
			// Every frame was as it was sent: the producer's own bytes are bad.
			refused = p.cur
			p.lose(err.Error())
			continue
		}
		if err != nil {
			return err
		}
	}
}

// isRun tells damage in a run from damage on the way.
func isRun(err error) bool {
	var c *runs.CorruptError
	return errors.As(err, &c)
}

// lose gives the present run up.
func (p *producer) lose(why string) {
	if p.land != nil {
		p.land.drop()
		p.land = nil
	}
	p.f.lost(p.src, p.cur, why)
	p.cur++
	p.moved = true
}

// take lands one frame of the present run.
func (p *producer) take(m *shufflev1.FetchResponse) error {
	body := m.GetBody()
	if crc32.Checksum(body, castagnoli) != m.GetCrc() {
		return errs.New(errs.Corrupt, "a frame was damaged on the way")
	}
	if p.land == nil {
		if m.GetRangeLength() > math.MaxInt64 {
			return errs.New(errs.Corrupt, "a run of %d bytes", m.GetRangeLength())
		}
		p.land = newLanding(p, int64(m.GetRangeLength()))
	}
	l := p.land
	if n := m.GetRangeLength(); n != 0 && int64(n) != l.length || l.at+int64(len(body)) > l.length {
		p.land.drop()
		p.land = nil // begin this run again
		return errs.New(errs.Corrupt, "the length of a run changed between frames")
	}
	if err := l.write(body); err != nil {
		return err
	}
	p.moved = p.moved || len(body) > 0
	p.f.received(len(body), l.mem == nil)
	if !m.GetEnd() {
		return nil
	}
	if l.at != l.length {
		return errs.New(errs.Corrupt, "a run ended after %d of %d bytes", l.at, l.length)
	}
	r, err := l.finish()
	if err != nil {
		return err
	}
	p.f.landed(Landed{Worker: p.src.GetWorker(), Task: p.src.GetTasks()[p.cur], Attempt: p.src.GetAttempts()[p.cur], Range: r})
	p.land = nil
	p.cur++
	p.moved = true
	return nil
}
