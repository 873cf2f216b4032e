package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// sighting is the lease as a candidate last saw it.
type sighting struct {
	version storage.Version // "" is absence
	since   time.Time       // when this version was first seen, read after the reply
	lease   ledger.Lease    // zero if absent or no lease at all
}

// opens is when the lease may be taken, if it stays as it is.
func (s sighting) opens(holder string, ttl time.Duration) time.Time {
	switch {
	case s.version == "", s.lease.Free:
		return s.since
	case s.lease.Holder == holder:
		// An acquisition of ours whose reply was lost, or a leadership that we gave up in doubt.
		return s.since
	}
	// A body that is no lease is held by we know not whom, for as long as we ourselves would hold it.
	return s.since.Add(max(ttl, min(s.lease.Lasts(), maxTTL)))
}

// Why a candidate that was free to take the lease did not win it.
var (
	errRaced = errors.New("another was faster")
	errUsed  = errors.New("the epoch has been led before")
	errLate  = errors.New("the time was up before the epoch was marked")
)

// campaign waits for the lease and takes it. It returns an error only when there is no use in going on, or ctx has ended.
func (e *Elector) campaign(ctx context.Context) (*tenure, error) {
	var seen sighting
	for failures := 0; ; {
		s, err := e.observe(ctx, seen)
		if errors.Is(err, ledger.ErrNewer) {
			return nil, err
		}
		if err == nil {
			seen = s
			wait := time.Until(seen.opens(e.cfg.Holder, e.cfg.TTL))
			if wait > 0 {
				failures = 0
				e.wait(ctx, min(wait, e.cfg.Poll-ledger.Jitter(e.cfg.Holder, e.cfg.Poll/8)))
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				continue
			}
			t, took := e.take(ctx, seen)
			if took == nil {
				return t, nil
			}
			err = took
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e.log.Debug("lease not won", zap.Error(err))
		// At once at first: what was lost was most often a reply. Then ever more slowly, so that a store in trouble gets room.
		if failures > 0 {
			d := min(e.cfg.Poll, e.cfg.try()<<min(failures, 8))
			e.wait(ctx, d/4+ledger.Jitter(e.cfg.Holder, d-d/4))
		}
		failures++
	}
}

// observe looks at the lease and says since when it has been as it is.
func (e *Elector) observe(ctx context.Context, before sighting) (sighting, error) {
	body, info, err := e.store.Get(ctx, ledger.LeaseKey)
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		return before, err
	}
	s := sighting{version: info.Version, since: time.Now()}
	if err != nil {
		s.version = ""
	} else if s.lease, err = ledger.DecodeLease(body); errors.Is(err, ledger.ErrNewer) {
		return before, err
	} else if err != nil {
		e.log.Warn("the lease is unreadable; waiting as if it were held", zap.Error(err))
	}
	e.saw(s.lease)
	if s.version == before.version && !before.since.IsZero() {
		s.since = before.since
	}
	return s, nil
}

// take replaces the lease as it was seen and marks the epoch. Once the marker is ours, we lead.
func (e *Elector) take(ctx context.Context, s sighting) (*tenure, error) {
	used, err := e.highestMarker(ctx, s.lease.Epoch)
	if err != nil {
		return nil, err
	}
	t := &tenure{cfg: e.cfg, clock: e.clock, epoch: max(s.lease.Epoch, used) + 1}
	l := ledger.Lease{
		V: ledger.LeaseV, Epoch: t.epoch, Holder: e.cfg.Holder, Addr: e.cfg.Addr, Seq: s.lease.Seq + 1,
		Nonce: ledger.NewNonce(), TTL: e.cfg.TTL.Milliseconds(), Version: e.cfg.Version,
	}
	t.sent = e.clock.now()
	v, err := e.store.PutIf(ctx, ledger.LeaseKey, l.Encode(), s.version)
	if errors.Is(err, storage.ErrPrecondition) {
		return nil, errRaced
	}
	if err != nil {
		return nil, err
	}
	t.version, t.lease = v, l
	if err := e.mark(ctx, t); err != nil {
		if ctx.Err() != nil {
			e.release(ctx, t) // nobody shall wait for one who is leaving
		}
		return nil, err
	}
	e.saw(l)
	return t, nil
}

// highestMarker finds the highest epoch ever marked, if it is above the one given.
func (e *Elector) highestMarker(ctx context.Context, above uint64) (uint64, error) {
	highest := above
	for info, err := range e.store.List(ctx, ledger.EpochPrefix, ledger.EpochKey(above)) {
		if err != nil {
			return 0, err
		}
		if n, ok := ledger.EpochOf(info.Key); ok {
			highest = max(highest, n)
		}
	}
	return highest, nil
}

// mark creates the epoch's marker. The same bytes are sent until it is known whose it is, for as long as the lease is ours.
func (e *Elector) mark(ctx context.Context, t *tenure) error {
	marking, cancel := context.WithTimeoutCause(ctx, t.remaining(), errLate)
	defer cancel()
	there, _, mine, err := ledger.CreateOnce(marking, e.store, ledger.EpochKey(t.epoch), []byte(e.cfg.Holder))
	switch {
	case err != nil:
		return err
	case !mine:
		return fmt.Errorf("epoch %d, by %s: %w", t.epoch, there, errUsed)
	case !t.valid():
		return errLate
	}
	return nil
}
