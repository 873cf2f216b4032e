package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/mrctl/mrctl/internal/errs"
)

// Limits say what a Gate lets through. The zero value is right for a store.
type Limits struct {
	Share     float64       // repetitions that each success allows; 0: 0.2
	PerSecond float64       // repetitions that are allowed in any case; 0: 2
	Trip      int           // failures in a row after which nobody calls for a while; 0: 10
	Rest      time.Duration // how long, within a half; then one call tries whether it is over; 0: 1 s
	PerJob    int           // calls of one job under way; 0: 32
}

// Gate stands before a place that many call: a store's bucket, the worker at an address. While the breaker is open calls
// wait before it, as long as they have patience, instead of failing: an outage costs the place one call per Rest, and the
// callers nothing but time. A nil Gate lets everything through. It is safe for concurrent use.
type Gate struct {
	name    string
	limits  Limits
	budget  *budget
	breaker circuitbreaker.CircuitBreaker[any]
	cells   cells

	mu    sync.Mutex
	cause error // guarded by mu; of the last failure
}

// NewGate makes the gate of a place, which it names in errors.
func NewGate(name string, l Limits) *Gate {
	orElse(&l.Share, 0.2)
	orElse(&l.PerSecond, 2)
	orElse(&l.Trip, 10)
	orElse(&l.Rest, time.Second)
	orElse(&l.PerJob, 32)
	return &Gate{
		name: name, limits: l, budget: newBudget(l.Share, l.PerSecond), cells: cells{size: uint(l.PerJob)},
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureThreshold(uint(l.Trip)).
			WithSuccessThreshold(1).
			WithRandomDelay(l.Rest/2, l.Rest*3/2). // the breakers of many processes must not try together
			Build(),
	}
}

func orElse[T float64 | int | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// errShut is why a call was not made.
var errShut = errors.New("it is left alone for a while")

// inside marks the context of a call that the gate has let through: what it calls in turn at the same place is part of it.
type inside struct{ *Gate }

// enter waits until a call may be made, for patience at most. What it returns is told how the call went.
func (g *Gate) enter(ctx context.Context, patience time.Duration) (leave func(verdict, error), err error) {
	if g == nil || ctx.Value(inside{g}) != nil {
		return func(verdict, error) {}, nil
	}
	out, err := g.cells.enter(ctx, JobOf(ctx))
	if err != nil {
		return nil, errs.E(errs.KindOf(err), "wait for", g.name, context.Cause(ctx))
	}
	for began := time.Now(); !g.breaker.TryAcquirePermit(); {
		// While one tries whether it is over there is no delay to be told: look again soon.
		pause := max(g.breaker.RemainingDelay(), g.limits.Rest/20) + rand.N(g.limits.Rest/20)
		if pause > patience-time.Since(began) || sleep(ctx, pause) != nil {
			out()
			return nil, g.shut()
		}
	}
	return func(v verdict, err error) {
		defer out()
		g.learn(v, err)
	}, nil
}

// Pass is a call that a gate has let through. The first thing it says of the place counts. It is not safe for concurrent
// use.
type Pass struct {
	leave func(verdict, error)
	told  bool
}

// Enter is for calls that are not made by a Policy, such as streams: they wait for patience at most before a shut gate,
// 0: not at all, and must say what came of it.
func (g *Gate) Enter(ctx context.Context, patience time.Duration) (*Pass, error) {
	leave, err := g.enter(ctx, patience)
	if err != nil {
		return nil, err
	}
	return &Pass{leave: leave}, nil
}

// Answered says that the place has answered.
func (p *Pass) Answered() { p.tell(answered, nil) }

// Failed says that the place has not.
func (p *Pass) Failed(err error) { p.tell(failed, err) }

// Unheard says that nobody has waited for an answer.
func (p *Pass) Unheard() { p.tell(unheard, nil) }

func (p *Pass) tell(v verdict, err error) {
	if !p.told {
		p.told = true
		p.leave(v, err)
	}
}

// verdict is what a call says of the place.
type verdict int

const (
	answered verdict = iota // whatever the answer was
	failed
	unheard // the caller went away before there was an answer
)

func (g *Gate) learn(v verdict, err error) {
	switch {
	case v == answered:
		g.breaker.RecordSuccess()
		g.budget.success()
	case v == failed:
		g.mu.Lock()
		g.cause = err
		g.mu.Unlock()
		g.breaker.RecordFailure()
	case !g.breaker.IsClosed(): // this was the one that tried: another has to
		g.breaker.RecordFailure()
	}
}

// shut says why nobody is let through.
func (g *Gate) shut() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return errs.E(errs.Unavailable, "", g.name, fmt.Errorf("%w after many failures; the last: %w", errShut, g.cause))
}

// owed is how long a repetition has to wait for the budget; it has paid then.
func (g *Gate) owed() time.Duration {
	if g == nil {
		return 0
	}
	return g.budget.take()
}

// refund is for who has paid and does not call.
func (g *Gate) refund() {
	if g != nil {
		g.budget.pay(1)
	}
}
