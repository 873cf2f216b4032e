package mapside

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/suspect"
)

// vigil notices that the plugin does not come back from a record. Time counts only while the worker waits for the plugin,
// which may as well be waiting for the worker to take what it emits.
type vigil struct {
	f       *feeder
	limit   time.Duration // of a record; 0: there is none
	waiting atomic.Bool   // for the plugin
}

// paced is a Mapper that says how many records the plugin is through with.
type paced interface {
	Done() uint64
}

// looks is how often the vigil looks within the limit.
const looks = 16

// keep watches the plugin until what it returns is called. It cancels with a *suspect.HungError.
//
// The plugin tells how far it is every quarter of the limit. So half as much again is waited for: what is then still not
// done has taken the limit at least.
func (v *vigil) keep(ctx context.Context, cancel context.CancelCauseFunc, m Mapper) (end func()) {
	p, ok := m.(paced)
	if !ok || v.limit <= 0 {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(v.limit / looks)
		defer tick.Stop()
		var last uint64
		for stood := 0; stood < looks*3/2; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			switch done := p.Done(); {
			case done != last:
				last, stood = done, 0
			case v.f.sent.Load() <= done:
				stood = 0
			case v.waiting.Load():
				stood++
			}
		}
		cancel(errs.E(errs.UserCode, "", "", &suspect.HungError{Limit: v.limit}))
	}()
	return func() {
		stop()
		<-ended
	}
}
