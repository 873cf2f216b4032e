package mapside

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/suspect"
)

// pacer is a Mapper that only says how far it is.
type pacer struct {
	Mapper
	done atomic.Uint64
}

func (p *pacer) Done() uint64 { return p.done.Load() }

// TestVigil: a plugin is given up once it has been waited for over a record for long enough, and never for anything else.
func TestVigil(t *testing.T) {
	const limit = time.Second
	for name, c := range map[string]struct {
		step func(i int, p *pacer, v *vigil) // every quarter of the limit
		hung bool
	}{
		"hangs":                {func(int, *pacer, *vigil) {}, true},
		"goes on":              {func(_ int, p *pacer, v *vigil) { p.done.Add(1); v.f.sent.Add(1) }, false},
		"slow but in time":     {func(i int, p *pacer, v *vigil) { p.done.Add(uint64(1 - min(i%4, 1))); v.f.sent.Store(1000) }, false},
		"has nothing to do":    {func(_ int, p *pacer, v *vigil) { p.done.Store(v.f.sent.Load()) }, false},
		"waits for the worker": {func(_ int, _ *pacer, v *vigil) { v.waiting.Store(false) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				v, p := &vigil{f: &feeder{}, limit: limit}, &pacer{}
				v.f.sent.Store(10)
				v.waiting.Store(true)
				c.step(0, p, v)
				end := v.keep(ctx, cancel, p)
				for i := range 40 {
					time.Sleep(limit / 4) // of the bubble's clock
					synctest.Wait()
					if i == 4 && ctx.Err() != nil {
						t.Error("given up within the limit")
					}
					c.step(i+1, p, v)
				}
				end()
				cause := context.Cause(ctx)
				if hung := errors.As(cause, new(*suspect.HungError)); hung != c.hung || hung && !errs.Is(cause, errs.UserCode) {
					t.Errorf("%v", cause)
				}
			})
		})
	}
}
