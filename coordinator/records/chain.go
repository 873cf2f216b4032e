package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// Chain is one job, as its leader may change it. Its methods are safe for concurrent use; updates go one after the other.
type Chain struct {
	book  *Book
	id    string
	taken atomic.Bool

	// writing holds a value while somebody writes to the chain.
	writing chan struct{}
	// doubt are the nonces of links we sent against version and gave up on before their fate was known. At most one of them
	// can ever take effect. Only who writes touches it.
	doubt map[string]bool
	// settled says that the end of the job has been followed up. The same holds for it.
	settled bool

	mu      sync.Mutex
	job     ledger.Job      // as it surely stands, but for what is in doubt; guarded by mu, set only by who writes
	version storage.Version // the same
}

// ID is the job's id.
func (c *Chain) ID() string { return c.id }

// Job is the job as this leader last wrote it. The copy is the caller's.
func (c *Chain) Job() ledger.Job {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.job.Clone()
}

// Update changes the job: change gets a copy, and what it leaves is written. nil means that it is durable and that every leader to
// come will see it.
//
// change may be called more than once, so it must depend on nothing but its argument and what it captured; it cannot change the
// spec, nor the fields that belong to this package. An update that ends a job clears it from the inbox too. A job that has ended
// takes no change: errs.Conflict, unless change leaves it as it is. An illegal step is errs.Invalid.
//
// errs.Fenced means that this leadership is over: step down. When ctx ends first the write may still take effect; the next update
// finds out.
func (c *Chain) Update(ctx context.Context, change func(*ledger.Job)) error {
	if err := c.lock(ctx); err != nil {
		return err
	}
	defer c.unlock()
	for {
		was := c.job // only who writes changes it
		j := was.Clone()
		change(&j)
		j.V, j.ID, j.Epoch, j.Seq, j.Claims, j.Spec = was.V, was.ID, was.Epoch, was.Seq, was.Claims, was.Spec
		if was.Phase.Ended() {
			c.settle(ctx) // an end that was in doubt until now has not been followed up
			if reflect.DeepEqual(j, was.Clone()) {
				return nil
			}
			return errs.E(errs.Conflict, "update job", c.id, fmt.Errorf("it is %s", was.Phase))
		}
		if wrong := stepWrong(was, j); wrong != nil {
			return errs.E(errs.Invalid, "update job", c.id, wrong)
		}
		err := c.write(ctx, j)
		if errors.Is(err, errMoved) {
			continue // an earlier update of ours took effect after all; build on it
		}
		if err == nil && j.Phase.Ended() {
			c.settle(ctx)
		}
		return errs.E(errs.KindOf(err), "update job", c.id, err)
	}
}

// settle follows the end of the job, once.
func (c *Chain) settle(ctx context.Context) {
	c.settled = c.settled || c.book.settle(ctx, c.job)
}

// errMoved: the record is another than the one the write was built on, and it is known now.
var errMoved = errors.New("the record has moved on")

// write replaces the record by j, under a new nonce. It sends the same bytes until it knows what became of them.
func (c *Chain) write(ctx context.Context, j ledger.Job) error {
	j.Seq++
	j.Nonce = ledger.NewNonce()
	body, err := json.Marshal(j)
	if err != nil {
		return errs.E(errs.Invalid, "", "", err)
	}
	if len(body) > storage.MaxRecord {
		return errs.New(errs.Invalid, "%d bytes are more than a record holds (%d)", len(body), storage.MaxRecord)
	}
	for try := 0; ; try++ {
		if err := c.book.may(); err != nil {
			return err
		}
		v, err := ledger.TryPut(ctx, c.book.store, ledger.JobKey(c.id), body, c.version)
		if err == nil {
			c.set(j, v)
			return nil
		}
		if !errors.Is(err, storage.ErrPrecondition) && !errors.Is(err, storage.ErrUnknown) {
			return err // did not and will not happen
		}
		c.doubt[j.Nonce] = true
		if err := c.resolve(ctx, j.Nonce); err != errSame {
			return err
		}
		if err := ledger.Pause(ctx, c.id, try); err != nil {
			return err
		}
	}
}

// errSame: the record is still what the write would replace.
var errSame = errors.New("the record is unchanged")

// resolve reads the record to learn what became of a write.
func (c *Chain) resolve(ctx context.Context, nonce string) error {
	now, v, err := c.book.read(ctx, c.id)
	switch {
	case errs.Is(err, errs.NotFound):
		c.book.fenced.Store(true) // somebody has wiped the store; whoever leads from here on starts anew
		return errs.E(errs.Fenced, "", "", err)
	case err != nil:
		return err
	case v == c.version:
		return errSame
	case now.Nonce == nonce:
		c.set(now, v)
		return nil
	case now.Epoch > c.book.epoch:
		return c.book.beaten(now)
	case now.Epoch < c.book.epoch && c.job.Epoch < c.book.epoch, c.doubt[now.Nonce]:
		// While we claim, an older leader got in between; or an update that we had given up on took effect.
		c.set(now, v)
		return errMoved
	}
	return errs.New(errs.Corrupt, "%s: epoch %d, link %d was written neither by this leader nor by a later one",
		ledger.JobKey(c.id), now.Epoch, now.Seq)
}

// set notes how the record stands. What was in doubt against another version is settled: it can no longer take effect.
func (c *Chain) set(j ledger.Job, v storage.Version) {
	if v != c.version {
		clear(c.doubt)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.job, c.version = j, v
}

// lock waits until nobody writes to the chain.
func (c *Chain) lock(ctx context.Context) error {
	if ctx.Err() == nil { // a select would take the lock all the same, at times
		select {
		case c.writing <- struct{}{}:
			return nil
		case <-ctx.Done():
		}
	}
	return errs.E(errs.KindOf(ctx.Err()), "job", c.id, context.Cause(ctx))
}

func (c *Chain) unlock() { <-c.writing }

// stepWrong says why a job may not go from one link to the next: a generation goes up only, a winner that proved unusable
// begins one, and the end of a stage is a commit.
func stepWrong(was, j ledger.Job) error {
	next := was.Phase == ledger.Committing && j.Phase == ledger.Planning
	stage := was.Stage
	if next {
		stage++
	}
	if !was.Phase.May(j.Phase) || j.Gen < was.Gen || was.Phase == ledger.Committing && j.Phase == ledger.Running && j.Gen == was.Gen || j.Stage != stage {
		return fmt.Errorf("no step from %s of stage %d, generation %d, to %s of stage %d, generation %d", was.Phase, was.Stage, was.Gen, j.Phase, j.Stage, j.Gen)
	}
	return nil
}
