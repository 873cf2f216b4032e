package coordinator

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// What happened to a job is written beside its records, in pieces while it lives and whole before its end is: whoever asks
// why it failed, or stands still, finds it whichever leader knew it, and when there is none. It is for people, so a loss is
// logged, not retried.

// How often the history of a live job is written: soon, for a job that fails fast, and seldom later, for what a piece costs.
const (
	firstPiece = 2 * time.Second
	mostPiece  = 15 * time.Second
)

// keeping is how much of a job's history is in the store. The loop owns it.
type keeping struct {
	kept uint64 // events up to here are
	busy bool   // a piece is being written
	due  time.Time
	wait time.Duration
}

// keepEvents begins to write what is new in the histories of live jobs. Called in the loop only.
func (l *leader) keepEvents() {
	now := time.Now()
	for _, j := range l.jobs {
		k := &j.keeping
		if k.wait == 0 {
			k.wait, k.due = firstPiece, now.Add(firstPiece)
		}
		if j.over || k.busy || now.Before(k.due) {
			continue
		}
		happened, _ := j.log.After(k.kept)
		if len(happened) == 0 {
			continue
		}
		last := happened[len(happened)-1].Seq
		k.busy = true
		l.group.Go(func() error {
			kept := l.writeEvents(l.ended, j, ledger.EventsKey(string(j.id), l.term.Epoch, last), happened)
			l.post(func() {
				if kept {
					k.kept = last
				}
				k.wait = min(2*k.wait, mostPiece)
				k.busy, k.due = false, time.Now().Add(k.wait)
			})
			return nil
		})
	}
}

// saveHistory writes all that this leader knows of a job that is about to end.
func (l *leader) saveHistory(ctx context.Context, j *job) {
	happened, _ := j.log.After(0)
	l.writeEvents(ctx, j, ledger.HistoryKey(string(j.id)), happened)
}

// writeEvents says whether they are in the store.
func (l *leader) writeEvents(ctx context.Context, j *job, key string, list []ledger.Event) bool {
	for i := range list {
		list[i].Epoch = l.term.Epoch
	}
	body, err := json.Marshal(list)
	if err == nil {
		err = errs.Contain(func() error {
			_, err := l.srv.cfg.Store.PutIf(ctx, key, body, "")
			return err
		})
	}
	if err != nil && !alreadyThere(err) {
		l.log.Warn("history not kept", zap.String("job", string(j.id)), zap.Error(err))
		return false
	}
	return true
}
