package worker

import (
	"context"
	"fmt"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
)

// overtimeError is the cause with which an attempt ends that takes too long.
type overtimeError struct {
	limit time.Duration
	at    string // how far it had come
	less  string // the flag that makes tasks smaller
}

// Error says how far it was and what to do.
func (e *overtimeError) Error() string {
	return fmt.Sprintf("it took longer than %v (--attempt-timeout), %s: give attempts more time, or tasks less to do by %s", e.limit, e.at, e.less)
}

// timeSteps is in how many steps the time of an attempt is counted: it goes on with the process, and so does not pass for
// one that is stopped.
const timeSteps = 64

// keepTime ends an attempt that takes longer than limit; 0: none does. That of a reduce counts from when it has all its
// runs: maps may take as long as they do. What it returns ends the watch.
func (at *attempt) keepTime(ctx context.Context, limit time.Duration) (context.Context, func()) {
	if limit <= 0 {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(max(limit/timeSteps, time.Millisecond))
		defer tick.Stop()
		for step := 0; step < timeSteps; {
			select {
			case <-tick.C:
				if at.working() {
					step++
				}
			case <-ctx.Done():
				return
			}
		}
		cancel(at.overtime(limit))
	}()
	return ctx, func() {
		cancel(nil)
		<-ended
	}
}

// working says that the attempt has all it needs.
func (at *attempt) working() bool {
	return at.id.Phase == sessionv1.AttemptID_PHASE_MAP || at.sources.Whole()
}

func (at *attempt) overtime(limit time.Duration) error {
	e := &overtimeError{limit: limit, less: "--split-size"}
	e.at = fmt.Sprintf("after %d records and %d of %d bytes", at.records.Load(), at.bytes.Load(), at.total.Load())
	if at.id.Phase == sessionv1.AttemptID_PHASE_REDUCE {
		e.less = "more --partitions"
		e.at = fmt.Sprintf("after %d records", at.records.Load())
	}
	return e
}
