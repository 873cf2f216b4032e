// Package lease elects the one coordinator that leads, with nothing but a store.
//
// There is one object, ledger.LeaseKey, changed only by PutIf and never deleted, and a create-once marker for each epoch that was
// ever led. A candidate may take the lease when it is absent, free, its own, or when the candidate has seen it unchanged for
// as long as it lasts, on its own monotonic clock; nobody's time-stamps are read. To take it is to replace exactly the
// version seen, with an epoch above the record's and above every marker, and then to create that epoch's marker. So two
// coordinators can never lead in one epoch, even if the lease is deleted by hand or an old backup of it comes back.
//
// A leader renews in time, and stops acting Margin before its time is up, whether or not it can reach the store. This keeps
// leaders from overlapping as long as clocks tick alike. It is not what keeps jobs whole: clocks decide who tries,
// and the conditional writes of package records decide who may.
//
// A store whose replies get lost is the ordinary case. Every body holds a nonce; after an ambiguous reply the elector reads the
// lease again. A renewal that proves to be its own is adopted, but never prolongs its time. An acquisition that proves to
// be its own is taken once more, under the next epoch.
package lease

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// Elector stands for election until its Run ends. Run is called once.
type Elector struct {
	store storage.Store // each call limited in time
	cfg   Config
	clock clock
	log   *zap.Logger
	nudge chan struct{}

	mu   sync.Mutex
	last ledger.Lease // as last read or written; guarded by mu
}

// New makes an elector. What is wrong with cfg is said by Run.
func New(store storage.Store, cfg Config, log *zap.Logger) *Elector {
	cfg = cfg.withDefaults()
	return &Elector{
		store: hurried{store, cfg.try()}, cfg: cfg, clock: clock{asleep},
		log: log.With(zap.String("holder", cfg.Holder)), nudge: make(chan struct{}, 1),
	}
}

// Holder is the name under which this elector stands.
func (e *Elector) Holder() string { return e.cfg.Holder }

// Leader is the lease as this elector last saw it; it may be out of date by Poll. false means that nobody is known to lead.
func (e *Elector) Leader() (ledger.Lease, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last, e.last.Led()
}

// Nudge makes a waiting candidate look at the lease now, as when its holder is known to be gone. It never changes who may take it.
func (e *Elector) Nudge() {
	select {
	case e.nudge <- struct{}{}:
	default: // one is pending
	}
}

// Run stands for election until ctx ends, and then returns nil. Each time it wins it calls lead and waits for it. The
// context of lead ends, with the cause, when the leadership does; lead then returns without further acts. When ctx ends the lease
// is kept while lead winds up. When lead has returned, the lease is given up, so that another may take it at once; if it returned
// by its own wish, whatever its error, this elector lets others go first and then stands again.
//
// A lease written by a newer version of this program ends Run with errs.Invalid, as does a Config that makes no sense.
func (e *Elector) Run(ctx context.Context, lead func(ctx context.Context, t Term) error) error {
	if err := e.cfg.check(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		t, err := e.campaign(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		log := e.log.With(zap.Uint64("epoch", t.epoch))
		log.Info("leading")
		gaveUp, err := e.hold(ctx, t, lead)
		log.Info("no longer leading", zap.Bool("gave_up", gaveUp), zap.NamedError("cause", err))
		if gaveUp {
			e.wait(ctx, e.cfg.Poll+ledger.Jitter(e.cfg.Holder, e.cfg.Poll))
		}
	}
	return nil
}

// wait returns after d, when nudged, or when ctx ends.
func (e *Elector) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-e.nudge:
	case <-ctx.Done():
	}
}

func (e *Elector) saw(l ledger.Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = l
}
