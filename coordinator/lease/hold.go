package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// Why a leadership ended. All are errs.Fenced: stop writing now.
var (
	errExpired = errs.New(errs.Fenced, "the lease could not be renewed in time")
	errGone    = errs.New(errs.Fenced, "the lease object is gone")
)

// hold runs lead while it keeps the lease, and says whether lead ended by itself, and why the leadership ended.
func (e *Elector) hold(ctx context.Context, t *tenure, lead func(context.Context, Term) error) (gaveUp bool, cause error) {
	leading, stepDown := context.WithCancelCause(ctx)
	defer stepDown(nil)
	led := make(chan error, 1)
	go func() { led <- lead(leading, Term{t.epoch, t}) }()

	// The lease is kept while lead winds up after the end of ctx.
	keeping, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	kept := make(chan error, 1)
	go func() { kept <- e.keep(keeping, t) }()

	// The end of the time is watched apart from the renewals: a store that does not answer must not delay it.
	expiry := time.NewTimer(t.remaining())
	defer expiry.Stop()
	for {
		select {
		case err := <-led:
			halt()
			<-kept
			t.end() // before others may take it
			e.release(ctx, t)
			return ctx.Err() == nil, err
		case err := <-kept:
			t.end()
			stepDown(err)
			<-led
			return false, err
		case <-expiry.C:
			if left := t.remaining(); left > 0 {
				expiry.Reset(left)
				continue
			}
			stepDown(errExpired)
			halt()
			<-kept
			<-led
			return false, errExpired
		}
	}
}

// keep renews the lease until ctx ends (nil) or the leadership does (why).
func (e *Elector) keep(ctx context.Context, t *tenure) error {
	timer := time.NewTimer(e.cfg.Renew)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		sent := e.clock.now()
		err := e.renew(ctx, t, sent)
		switch {
		case err == nil:
			timer.Reset(e.cfg.Renew - time.Since(sent.at))
		case errs.Is(err, errs.Fenced):
			return err
		case !t.valid():
			return errExpired
		default:
			e.log.Debug("lease not renewed yet", zap.Uint64("epoch", t.epoch), zap.Error(err))
			timer.Reset(e.cfg.try()/8 + ledger.Jitter(e.cfg.Holder, e.cfg.try()/4))
		}
	}
}

// renew makes one try. nil means renewed, errs.Fenced that the leadership is over, anything else that it is worth another try.
func (e *Elector) renew(ctx context.Context, t *tenure, sent instant) error {
	if !t.valid() {
		return errExpired // perhaps the machine slept
	}
	next := t.lease
	next.Seq++
	next.Nonce = ledger.NewNonce()
	v, err := e.store.PutIf(ctx, ledger.LeaseKey, next.Encode(), t.version)
	if err == nil {
		t.version, t.lease = v, next
		e.saw(next)
		if !t.renewed(sent) {
			return errExpired
		}
		return nil
	}
	if errors.Is(err, storage.ErrPrecondition) || errors.Is(err, storage.ErrUnknown) {
		if lost := e.adopt(ctx, t); lost != nil {
			return lost
		}
	}
	return err
}

// adopt reads the lease after an ambiguous write. If it is still of this leadership, what is there is what the next write
// replaces; that a write of ours took effect prolongs nothing, since we do not know when. Otherwise the error says why not.
func (e *Elector) adopt(ctx context.Context, t *tenure) error {
	body, info, err := e.store.Get(ctx, ledger.LeaseKey)
	if errors.Is(err, storage.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return err
	}
	l, err := ledger.DecodeLease(body)
	if err != nil {
		return errs.E(errs.Fenced, "", "", err)
	}
	e.saw(l)
	if l.Holder != e.cfg.Holder || l.Epoch != t.epoch || l.Free {
		return errs.E(errs.Fenced, "", "", fmt.Errorf("the lease went to %s, epoch %d", l.Holder, l.Epoch))
	}
	t.version, t.lease = info.Version, l
	return nil
}

// release gives the lease up, so that another may take it at once. It tries a little; if it fails the lease runs out by itself.
func (e *Elector) release(ctx context.Context, t *tenure) {
	ctx = context.WithoutCancel(ctx) // each call has its limit
	for range 3 {
		free := t.lease
		free.Seq++
		free.Nonce = ledger.NewNonce()
		free.Free, free.Addr = true, ""
		_, err := e.store.PutIf(ctx, ledger.LeaseKey, free.Encode(), t.version)
		if err == nil {
			e.saw(free)
			return
		}
		if err = e.adopt(ctx, t); errs.Is(err, errs.Fenced) {
			return // free already, or another's
		}
	}
	e.log.Warn("the lease could not be given up; it will run out", zap.Uint64("epoch", t.epoch))
}
