package records

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

// Accept takes a job that is in the inbox: a new one gets its record, one under way is claimed. A job already in this book is given
// as it is. One that has ended is given unclaimed (see Job().Phase), cleared from the inbox, and takes no updates. A job whose entry
// nobody can read, or whose spec is wrong, is accepted and has failed, so that whoever submitted it learns why. errs.NotFound: there is no such job.
func (b *Book) Accept(ctx context.Context, id string) (*Chain, error) {
	return b.take(ctx, id, true)
}

// Claim takes a job that has a record: it replaces the record by the same content under this epoch, one claim more. No record: errs.NotFound. Otherwise it is as Accept.
func (b *Book) Claim(ctx context.Context, id string) (*Chain, error) {
	return b.take(ctx, id, false)
}

func (b *Book) take(ctx context.Context, id string, create bool) (*Chain, error) {
	if !ledger.ValidJobID(id) {
		return nil, errs.New(errs.Invalid, "%q is not a job id", id)
	}
	c := b.chain(id)
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	defer c.unlock()
	if c.taken.Load() {
		return c, nil
	}
	err := c.claim(ctx)
	if create && errs.Is(err, errs.NotFound) {
		if err = c.create(ctx); errors.Is(err, errThere) {
			err = c.claim(ctx)
		}
	}
	if err != nil {
		return nil, errs.E(errs.KindOf(err), "take job", id, err)
	}
	c.taken.Store(true)
	if c.Job().Phase.Ended() {
		c.settle(ctx)
	}
	return c, nil
}

// errThere: the record to be created exists, and another wrote it.
var errThere = errors.New("the record exists")

// create writes the first link of a job's chain from its inbox entry.
func (c *Chain) create(ctx context.Context) error {
	j := ledger.Job{
		V: ledger.JobV, ID: c.id, Epoch: c.book.epoch, Nonce: ledger.NewNonce(), Seq: 1, Claims: 1,
		Phase: ledger.Planning, Started: time.Now().UTC(), Handling: true,
	}
	s, err := ledger.ReadInbox(ctx, c.book.store, c.id)
	wrong := err
	if err == nil {
		j.Spec = s
		wrong = s.Check()
	} else if errors.Is(err, ledger.ErrNewer) || !errs.Is(err, errs.Corrupt) {
		return err // a newer coordinator will know what to do with it
	}
	body, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if room := storage.MaxRecord / 2; wrong == nil && len(body) > room { // the record is to grow
		wrong = errs.New(errs.Invalid, "the job's description has %d bytes, more than the %d that a record has room for", len(body), room)
		j.Spec = spec.Job{Name: s.Name, RequestID: s.RequestID, Submitted: s.Submitted}
	}
	if wrong != nil {
		j.Phase, j.Ended, j.Error, j.ErrorKind, j.Handling = ledger.Failed, j.Started, wrong.Error(), errs.KindOf(wrong), false
		if body, err = json.Marshal(j); err != nil {
			return err
		}
	}
	if err := c.book.may(); err != nil {
		return err
	}
	_, v, mine, err := ledger.CreateOnce(ctx, c.book.store, ledger.JobKey(c.id), body)
	if err == nil && !mine {
		err = errThere
	}
	if err != nil {
		return err
	}
	c.set(j, v)
	c.book.log.Info("job accepted", zap.String("job", c.id))
	return nil
}

// claim makes the record that is there ours. Others may write to it meanwhile: leaders that do not know yet that they are none.
func (c *Chain) claim(ctx context.Context) error {
	for {
		j, v, err := c.book.read(ctx, c.id)
		if err != nil {
			return err
		}
		if j.Epoch > c.book.epoch {
			return c.book.beaten(j)
		}
		c.set(j, v)
		if j.Phase.Ended() {
			return nil // it will not change again, so nobody needs to be kept from it
		}
		j = j.Clone()
		j.Epoch = c.book.epoch
		j.Claims++
		if j.Handling {
			j.Crashes++
		}
		j.Handling = j.Crashes == 0 // one under suspicion is taken up alone, and marked then
		switch err := c.write(ctx, j); {
		case err == nil:
			c.book.log.Info("job claimed", zap.String("job", c.id), zap.Int("claims", j.Claims))
			return nil
		case !errors.Is(err, errMoved):
			return err
		}
	}
}
