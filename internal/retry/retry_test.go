package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/retry"
)

var (
	errAway  = errs.New(errs.Unavailable, "connection lost")
	errWrong = errs.New(errs.Invalid, "no such bucket")
)

// always is a place that fails every call, and counts them.
func always(err error, calls *atomic.Int32) func(context.Context) error {
	return func(context.Context) error { calls.Add(1); return err }
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			err   error
			calls int32
		}{{nil, 1}, {errAway, 4}, {fmt.Errorf("get: %w", errAway), 4}, {errWrong, 1}, {errors.New("x"), 1}, {context.Canceled, 1}} {
			var calls atomic.Int32
			if err := (retry.Policy{Tries: 4}).Do(t.Context(), always(c.err, &calls)); err != c.err || calls.Load() != c.calls {
				t.Errorf("%v after %d calls, want %v after %d", err, calls.Load(), c.err, c.calls)
			}
		}
	})
}

func TestPatienceEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		start := time.Now()
		err := retry.Policy{Patience: time.Minute}.Do(t.Context(), always(errAway, &calls))
		if took := time.Since(start); err != errAway || took > time.Minute || took < 50*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if n := calls.Load(); n < 30 || n > 300 { // waits of a second on average
			t.Errorf("%d calls in a minute", n)
		}
	})
}

// A deadline that the next wait would overrun ends the trying at once, and the error is the place's.
func TestDeadlineIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		var calls atomic.Int32
		err := retry.Policy{Base: time.Hour, Most: time.Hour}.Do(ctx, always(errAway, &calls))
		if err != errAway || ctx.Err() != nil || calls.Load() != 1 {
			t.Errorf("%v after %d calls, context: %v", err, calls.Load(), ctx.Err())
		}
	})
}

func TestEndOfContextWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { stop(errWrong) })
		var calls atomic.Int32
		start := time.Now()
		err := retry.Policy{Base: time.Hour, Most: time.Hour}.Do(ctx, always(errAway, &calls))
		if err != errAway || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := (retry.Policy{}).Do(ctx, always(errAway, &calls)); err != errWrong || calls.Load() != 1 {
			t.Errorf("after its end: %v, %d calls", err, calls.Load())
		}
	})
}

// Policies in policies make as many calls as the outermost allows.
func TestNothingMultiplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := retry.NewGate("place", retry.Limits{Trip: 1000})
		var calls atomic.Int32
		p := retry.Policy{Tries: 5, Gate: gate}
		err := p.Do(t.Context(), func(ctx context.Context) error {
			return p.Do(ctx, func(ctx context.Context) error {
				return retry.Policy{Tries: 7}.Do(ctx, always(errAway, &calls))
			})
		})
		if err != errAway || calls.Load() != 5 {
			t.Errorf("%v after %d calls", err, calls.Load())
		}
	})
}

// An outage costs the place the failures that show it and then about a call a second, however many want to call; when it
// is over all of them succeed.
func TestBreakerInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, outage = 50, 20 * time.Second
		gate := retry.NewGate("place", retry.Limits{})
		p := retry.Policy{Patience: time.Minute, Gate: gate}
		start := time.Now()
		var during atomic.Int32
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				err := p.Do(t.Context(), func(context.Context) error {
					if time.Since(start) < outage {
						during.Add(1)
						return errAway
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := during.Load(); n < 10 || n > callers+2*20+5 {
			t.Errorf("%d calls during the outage", n)
		}
		if took := time.Since(start); took > outage+5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Who loses patience before a closed gate is told why it is closed, and of what kind that is.
func TestShutGateNamesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := retry.NewGate("s3 http://x bucket", retry.Limits{Trip: 2, Rest: time.Minute})
		var calls atomic.Int32
		_ = retry.Policy{Tries: 2, Gate: gate}.Do(t.Context(), always(errAway, &calls)) // shuts it
		start := time.Now()
		err := retry.Policy{Patience: 5 * time.Second, Gate: gate}.Do(t.Context(), always(nil, &calls))
		if !errs.Is(err, errs.Unavailable) || !errors.Is(err, errAway) || !strings.Contains(err.Error(), "s3 http://x bucket") {
			t.Errorf("%v", err)
		}
		if calls.Load() != 2 || time.Since(start) > 5*time.Second {
			t.Errorf("%d calls, %v", calls.Load(), time.Since(start))
		}
	})
}

// A caller who goes away while he is the one to try leaves that to another.
func TestWhoTriesMayGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := retry.NewGate("place", retry.Limits{Trip: 1})
		var calls atomic.Int32
		_ = retry.Policy{Tries: 1, Gate: gate}.Do(t.Context(), always(errAway, &calls))
		ctx, stop := context.WithCancel(t.Context())
		err := retry.Policy{Gate: gate}.Do(ctx, func(context.Context) error { stop(); return context.Canceled })
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := (retry.Policy{Gate: gate, Patience: 10 * time.Second}).Do(t.Context(), always(nil, &calls)); err != nil {
			t.Error(err)
		}
	})
}

// Where a part of the calls fails, repetitions stay a share of what succeeds.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, lasting = 40, 100 * time.Second
		gate := retry.NewGate("place", retry.Limits{Trip: 100_000})
		start := time.Now()
		var first, repeated atomic.Int32
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for time.Since(start) < lasting {
					tries := 0
					_ = retry.Policy{Tries: 5, Gate: gate}.Do(t.Context(), func(context.Context) error {
						if tries++; tries > 1 {
							repeated.Add(1)
						} else {
							first.Add(1)
						}
						time.Sleep(100 * time.Millisecond)
						return errAway
					})
				}
			})
		}
		all.Wait()
		if n, most := repeated.Load(), int32(10+2*100+5*callers); n > most || n < 150 {
			t.Errorf("%d repetitions of %d calls that all failed, at most %d were to be", n, first.Load(), most)
		}
	})
}

func TestJobsDoNotTakeEachOthersRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := retry.NewGate("place", retry.Limits{PerJob: 3})
		p := retry.Policy{Gate: gate}
		release := make(chan struct{})
		var under, most atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				err := p.Do(retry.ForJob(t.Context(), "greedy"), func(context.Context) error {
					most.Store(max(most.Load(), under.Add(1)))
					<-release
					under.Add(-1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		var calls atomic.Int32
		for _, ctx := range []context.Context{t.Context(), retry.ForJob(t.Context(), "modest")} {
			if err := p.Do(ctx, always(nil, &calls)); err != nil {
				t.Error(err)
			}
		}
		ctx, stop := context.WithTimeout(retry.ForJob(t.Context(), "greedy"), time.Second)
		defer stop()
		if err := p.Do(ctx, always(nil, &calls)); !errs.Is(err, errs.Unavailable) {
			t.Errorf("beside three others: %v", err)
		}
		close(release)
		all.Wait()
		if most.Load() != 3 || calls.Load() != 2 {
			t.Errorf("%d at once, %d beside them", most.Load(), calls.Load())
		}
	})
}
