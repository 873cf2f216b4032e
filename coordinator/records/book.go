// Package records is one leadership's right to write how jobs stand.
//
// A job is a chain: ledger.JobKey, replaced by PutIf against the version last written. A new leader claims each job before it does
// anything else with it: it replaces the record by the same content under its own epoch. What the leader before wrote until
// then is in what was read; what it writes later fails, since the version it would replace is gone. So no write is lost and
// none comes late, whatever the clocks and the lease say.
//
// # Finding what is to be done
//
// A job's inbox entry stays until the job has ended. Listing the inbox therefore finds all live jobs, submitted or under
// way, and none of the thousands that are over. There is no second index that could disagree with it, and no order of crashes
// in which a job is in neither: the steps are
//
//	submit   create inbox/<id>
//	accept   create jobs/<id>/job
//	end      replace jobs/<id>/job by a terminal phase; create ended/<id>; delete inbox/<id>
//
// and each can be repeated by any leader at any time. The deletion cannot hurt: nothing leads out of a terminal phase, and ids are
// not used again. An entry that appears once more (a delayed or repeated submission) is cleared by whoever accepts it next.
package records

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// Book is what one leader knows of the jobs it has taken. Its methods are safe for concurrent use.
type Book struct {
	store  storage.Store
	epoch  uint64
	valid  func() bool
	log    *zap.Logger
	fenced atomic.Bool // a higher epoch has been seen

	mu   sync.Mutex
	jobs map[string]*Chain // live jobs that were or are being taken; guarded by mu
}

// Open makes the book of a leadership. valid is asked before each write; once it is false every write is refused
// (errs.Fenced), as it is once any record shows a higher epoch.
func Open(store storage.Store, epoch uint64, holder string, valid func() bool, log *zap.Logger) *Book {
	return &Book{
		store: store, epoch: epoch, valid: valid, jobs: map[string]*Chain{},
		log: log.With(zap.Uint64("epoch", epoch), zap.String("holder", holder)),
	}
}

// Fenced says that a record of a higher epoch has been seen: this leadership is over, even if its time is not up.
func (b *Book) Fenced() bool { return b.fenced.Load() }

// Inbox yields the jobs that are to be taken: live, and not in this book. Accept each. A leader looks when it begins, when it is nudged,
// and now and then.
func (b *Book) Inbox(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for id, err := range b.Jobs(ctx) {
			if err == nil && b.holds(id) {
				continue
			}
			if !yield(id, err) {
				return
			}
		}
	}
}

// Jobs yields all live jobs, in the book or not, in the order of their ids. It reads the inbox and nothing else.
func (b *Book) Jobs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range b.store.List(ctx, ledger.InboxPrefix, "") {
			if err != nil {
				yield("", err)
				return
			}
			// What is not a job id was put there by hand; it names nothing that we could do.
			if id := strings.TrimPrefix(info.Key, ledger.InboxPrefix); ledger.ValidJobID(id) && !yield(id, nil) {
				return
			}
		}
	}
}

func (b *Book) holds(id string) bool {
	b.mu.Lock()
	c := b.jobs[id]
	b.mu.Unlock()
	return c != nil && c.taken.Load()
}

// chain finds or makes the place of a job in the book.
func (b *Book) chain(id string) *Chain {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.jobs[id]
	if c == nil {
		c = &Chain{book: b, id: id, writing: make(chan struct{}, 1), doubt: map[string]bool{}}
		b.jobs[id] = c
	}
	return c
}

// may is nil while this leadership may write.
func (b *Book) may() error {
	if b.fenced.Load() || !b.valid() {
		return errs.New(errs.Fenced, "epoch %d is over", b.epoch)
	}
	return nil
}

// beaten notes that a record bears a higher epoch.
func (b *Book) beaten(j ledger.Job) error {
	b.fenced.Store(true)
	return errs.E(errs.Fenced, "job", j.ID, errs.New(errs.Fenced, "epoch %d has taken it from epoch %d", j.Epoch, b.epoch))
}

// settle follows the end of a job: it enters the index of those, then leaves the inbox. It says whether that went well; if not, the
// job is still in the inbox, and the next Accept does it.
func (b *Book) settle(ctx context.Context, j ledger.Job) bool {
	b.mu.Lock()
	delete(b.jobs, j.ID)
	b.mu.Unlock()
	_, _, _, err := ledger.CreateOnce(ctx, b.store, ledger.EndedKey(j.ID), []byte(j.Phase))
	if err == nil {
		err = b.store.Delete(ctx, ledger.InboxKey(j.ID))
	}
	if err != nil {
		b.log.Warn("an ended job stays in the inbox for now", zap.String("job", j.ID), zap.Error(err))
	}
	return err == nil
}

// read gives a job's record as it stands. Absent: errs.NotFound.
func (b *Book) read(ctx context.Context, id string) (ledger.Job, storage.Version, error) {
	body, v, err := ledger.Fetch(ctx, b.store, ledger.JobKey(id))
	if errors.Is(err, storage.ErrNotExist) {
		return ledger.Job{}, "", errs.E(errs.NotFound, "read", ledger.JobKey(id), err)
	}
	if err != nil {
		return ledger.Job{}, "", err
	}
	j, err := ledger.DecodeJob(id, body)
	return j, v, err
}
