package chaos

import (
	"context"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/plan"
)

// swing is how often a clock that swings jumps: several times within a lease.
const swing = 300 * time.Millisecond

// strikeClock moves the wall clock of a process.
func (r *run) strikeClock(ctx context.Context, f plan.Fault) (mend func(), err error) {
	n, err := r.victim(ctx, f)
	if err != nil {
		return nil, err
	}
	by := f.Jump()
	r.happened("%s: %s by %v", f.Kind, n.Name, by)
	set := func(by time.Duration) {
		if err := r.stage.MoveClock(n, by); err != nil {
			r.broke("the clock of %s cannot be moved: %v", n.Name, err)
		}
	}
	set(by)
	if f.Kind != plan.ClockSwing {
		return func() { set(0) }, nil
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(swing)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				by = -by
				set(by)
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		set(0)
	}, nil
}
