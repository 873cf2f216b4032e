package chaos

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/storefault"
	"github.com/mrctl/mrctl/internal/s3server"
)

// strikeStore sets a rule before the store.
func (r *run) strikeStore(f plan.Fault) (mend func(), err error) {
	hits := func(r storefault.Request, chance *rand.Rand) bool { return chance.Float64() < 0.05+0.35*f.Dose }
	reads := func(r storefault.Request, chance *rand.Rand) bool {
		return r.Method == http.MethodGet && chance.Float64() < 0.1+0.5*f.Dose
	}
	var rule storefault.Rule
	switch f.Kind {
	case plan.Storm:
		rule = func(_ storefault.Request, chance *rand.Rand) storefault.Fate {
			return storefault.Fate{Refuse: chance.Float64() < 0.3+0.6*f.Dose}
		}
	case plan.LostRequest:
		rule = func(q storefault.Request, chance *rand.Rand) storefault.Fate {
			return storefault.Fate{Lose: hits(q, chance)}
		}
	case plan.LostReply:
		rule = func(q storefault.Request, chance *rand.Rand) storefault.Fate {
			return storefault.Fate{Unheard: hits(q, chance)}
		}
	case plan.LateReply:
		rule = func(q storefault.Request, chance *rand.Rand) (fate storefault.Fate) {
			if hits(q, chance) {
				fate.Delay = time.Duration(chance.Int64N(int64(30 * time.Second)))
			}
			return fate
		}
	case plan.LateWrite:
		rule = func(q storefault.Request, chance *rand.Rand) (fate storefault.Fate) {
			if q.Write() && hits(q, chance) {
				fate.Late = time.Second + time.Duration(chance.Int64N(int64(14*time.Second)))
			}
			return fate
		}
	case plan.CutBody:
		rule = func(q storefault.Request, chance *rand.Rand) storefault.Fate {
			return storefault.Fate{Cut: reads(q, chance)}
		}
	case plan.FlipBody:
		// Input has no checksum of ours: a part of an object can be held against nothing.
		rule = func(q storefault.Request, chance *rand.Rand) storefault.Fate {
			return storefault.Fate{Flip: strings.HasPrefix(q.Key(), s3server.Bucket+"/cluster/") && reads(q, chance)}
		}
	case plan.NoStore:
		n, err := r.victim(context.Background(), f)
		if err != nil {
			return nil, err
		}
		r.happened("%s: %s", f.Kind, n.Name)
		return r.stage.Faults.Set(func(q storefault.Request, _ *rand.Rand) storefault.Fate {
			return storefault.Fate{Lose: q.From == n.Name}
		}), nil
	}
	r.happened("%s, dose %.2f", f.Kind, f.Dose)
	return r.stage.Faults.Set(rule), nil
}

// killAtWrite kills the leader at one of its next twenty writes: before the store hears of it, or after, when nobody has been
// told.
func (r *run) killAtWrite(ctx context.Context, f plan.Fault) (mend func(), err error) {
	n, err := r.victim(ctx, f)
	if err != nil {
		return nil, err
	}
	left := 1 + int(f.Dose*20)
	before := f.Pick%2 == 0
	struck := make(chan struct{})
	var once sync.Once
	kill := func() {
		once.Do(func() {
			r.stage.Kill(ctx, n)
			close(struck)
		})
	}
	lift := r.stage.Faults.Set(func(q storefault.Request, _ *rand.Rand) storefault.Fate {
		if q.From != n.Name || !q.Write() {
			return storefault.Fate{}
		}
		left--
		switch {
		case left != 0:
			return storefault.Fate{}
		case before:
			r.happened("%s: %s, before %s %s", f.Kind, n.Name, q.Method, q.Key())
			return storefault.Fate{First: kill, Lose: true}
		default:
			r.happened("%s: %s, after %s %s", f.Kind, n.Name, q.Method, q.Key())
			return storefault.Fate{Then: kill, Unheard: true}
		}
	})
	select {
	case <-struck:
	case <-r.over:
	case <-ctx.Done():
	}
	return func() { lift(); r.revive(ctx, n)() }, nil
}
