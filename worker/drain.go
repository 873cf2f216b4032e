package worker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// defaultDrainTimeout fits, twice, into what process managers give a process that they have told to end.
const defaultDrainTimeout = 30 * time.Second

// errHandedBack is the cause of an attempt that a draining worker gives up: it is neither failed nor the job's fault.
var errHandedBack = errors.New("handed back: the worker drains")

// Drain makes the end of this worker cost nothing: it takes no more attempts, and the leader is told so. Those that run may
// finish within Config.DrainTimeout; then they are handed back. Runs of live jobs that lie nowhere else are copied to the
// store. It returns when no attempt runs, all reports are acknowledged and no run is here alone; after twice the time, or when ctx ends, it
// says what is left. Run goes on meanwhile, so that runs are served, and must be ended by the caller.
func (a *Agent) Drain(ctx context.Context) error {
	a.mu.Lock()
	a.draining = true
	a.mu.Unlock()
	a.wake()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	handBack, giveUp := time.NewTimer(a.cfg.DrainTimeout), time.NewTimer(2*a.cfg.DrainTimeout)
	defer handBack.Stop()
	defer giveUp.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of what is still being copied
	for {
		a.handOver(ctx)
		attempts, reports, held := a.left()
		if attempts+reports+held == 0 {
			return nil
		}
		var cause error
		select {
		case <-tick.C:
			continue
		case <-handBack.C:
			a.handBack()
			continue
		case <-giveUp.C:
			cause = context.DeadlineExceeded
		case <-ctx.Done():
			cause = ctx.Err()
		}
		return fmt.Errorf("drain: %d attempts, %d reports and %d runs left: %w", attempts, reports, held, cause)
	}
}

// left counts what would be lost if the worker ended now.
func (a *Agent) left() (attempts, reports, held int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range a.held {
		if !h.stored {
			held++
		}
	}
	return len(a.attempts), len(a.reports), held
}

// handBack ends the attempts under way. They are reported as stopped, which the leader has not asked for and so takes for
// what it is.
func (a *Agent) handBack() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.attempts {
		at.stop(errHandedBack)
	}
}
