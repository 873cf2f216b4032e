// Package retry is the one room in which a call that failed for a reason that passes is tried again: how often, how long,
// and how many of such calls at a time. Whoever repeats anything else than his own protocol's next step does it here.
//
//   - A Policy bounds one call: tries, or time, with full jitter between them
//     (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). It never waits for what the context's
//     deadline would cut off: it gives the last error at once instead, so that a deadline given to a caller is of use to
//     whoever called him.
//   - A Gate bounds all calls to one place: a share of them may be repetitions (budget.go), none are made for a while after
//     too many failures in a row (a circuit breaker), and no job has more than its share under way (cell.go).
//   - Repetitions do not multiply. What is called from inside a policy gets a context that says so, and a policy that is
//     given such a context tries once. So a layer may repeat what is useful to its callers without asking who they are.
package retry

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// Policy bounds the trying of one call. The zero value tries until the context ends.
type Policy struct {
	Tries    int           // in all; 0: no bound
	Patience time.Duration // from the first try to the start of the last; 0: no bound
	Base     time.Duration // the first wait is up to this, and each next one up to twice as much; 0: 50 ms
	Most     time.Duration // no wait is longer; 0: 2 s
	// Worth says whether what failed so may succeed when it is tried again. nil: what is errs.Unavailable.
	Worth func(error) bool
	Gate  *Gate // what stands before the place that is called; nil: nothing
}

type onceKey struct{}

// Once marks a context as that of a caller who repeats the call himself: whoever is called tries once.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// Anew takes the mark of Once away, for what outlives the call: a body that is read when its caller has long stopped
// repeating the opening of it.
func Anew(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, nil) }

// IsOnce tells whether a context is so marked.
func IsOnce(ctx context.Context) bool { return ctx.Value(onceKey{}) != nil }

// Do calls f until it succeeds, fails for good or may not be tried any more, and returns its last error. f is given a
// context that Once marks, and no other should be used in it.
func (p Policy) Do(ctx context.Context, f func(context.Context) error) error {
	s := p.Begin()
	for {
		err := s.Try(ctx, f)
		if err == nil {
			return nil
		}
		if err := s.Wait(ctx, err); err != nil {
			return err
		}
	}
}

// Begin starts a series of tries, for callers whose tries are no calls of one function.
func (p Policy) Begin() *Series { return &Series{p: p, began: time.Now()} }

// Series is the tries of one call. It is not safe for concurrent use.
type Series struct {
	p      Policy
	failed int
	began  time.Time
}

// Progress says that the last try was of use: the next failure counts as the first.
func (s *Series) Progress() { s.failed, s.began = 0, time.Now() }

// Try calls f once, when the gate lets it.
func (s *Series) Try(ctx context.Context, f func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	leave, err := s.p.Gate.enter(ctx, s.left())
	if err != nil {
		return err
	}
	err = f(context.WithValue(Once(ctx), inside{s.p.Gate}, true))
	leave(s.verdict(ctx, err), err)
	return err
}

// Wait returns nil when it is time for the try after one that ended with err, or err when there is to be none.
func (s *Series) Wait(ctx context.Context, err error) error {
	s.failed++
	if IsOnce(ctx) || ctx.Err() != nil || !s.worth(err) || s.p.Tries > 0 && s.failed >= s.p.Tries || errors.Is(err, errShut) {
		return err
	}
	pause := max(jitter(s.p.Base, s.p.Most, s.failed), s.p.Gate.owed())
	if pause >= s.left() || sleep(ctx, pause) != nil {
		s.p.Gate.refund()
		return err
	}
	return nil
}

// left is what remains of the policy's patience.
func (s *Series) left() time.Duration {
	if s.p.Patience <= 0 {
		return forever
	}
	return s.p.Patience - time.Since(s.began)
}

const forever = time.Duration(1<<63 - 1)

func (s *Series) worth(err error) bool {
	if s.p.Worth != nil {
		return s.p.Worth(err)
	}
	return errs.Is(err, errs.Unavailable)
}

// verdict is what a try says of the place that was called. One that its caller broke off says nothing.
func (s *Series) verdict(ctx context.Context, err error) verdict {
	switch {
	case err == nil, ctx.Err() == nil && !s.worth(err):
		return answered
	case errors.Is(ctx.Err(), context.Canceled):
		return unheard
	}
	return failed
}

// jitter is the wait after the n-th failure (from 1): all of it by chance, for those who failed together must not come
// back together.
func jitter(base, most time.Duration, n int) time.Duration {
	if base <= 0 {
		base = 50 * time.Millisecond
	}
	if most <= 0 {
		most = 2 * time.Second
	}
	return rand.N(min(base<<min(n-1, 20), most)) + 1
}

// errLate: the context would end before the wait does.
var errLate = errors.New("no time is left")

// sleep waits for d, or says that the context has ended or would end first.
func sleep(ctx context.Context, d time.Duration) error {
	if until, ok := ctx.Deadline(); ok && time.Until(until) <= d {
		return errLate
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
