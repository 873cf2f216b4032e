package coordinator

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// publishBad puts the bad records of the map attempts that count beside the parts: those that the winning reduces
// consumed, which is in their records, or the winners themselves where they are maps. Any leader may repeat it.
func (l *leader) publishBad(ctx context.Context, rec ledger.Job, winners []ledger.TaskRecord, out storage.Store) error {
	if rec.Spec.MaxBadRecords <= 0 || len(winners) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	const atOnce = 16
	g.SetLimit(atOnce)
	for info, err := range l.srv.cfg.Store.List(ctx, ledger.BadPrefix(ledger.StageID(rec.ID, rec.Stage)), "") {
		if err != nil {
			return errors.Join(errs.E(errs.KindOf(err), "list bad records", rec.ID, err), g.Wait())
		}
		task, attempt, ok := ledger.BadOf(info.Key)
		if !ok || !counts(winners, task, attempt) {
			continue
		}
		g.Go(func() error { return copyOnce(ctx, l.srv.cfg.Store, info.Key, out, output.BadName(task)) })
	}
	return g.Wait()
}

// counts reports whether an attempt of a map is the one whose pairs, or rows, are in the result. The winners are all there, in
// order.
func counts(winners []ledger.TaskRecord, task int, attempt int32) bool {
	if winners[0].Phase == ledger.Map {
		return task < len(winners) && winners[task].Attempt == attempt
	}
	in := winners[0].Inputs
	return task < len(in) && in[task].Attempt == attempt
}

// copyOnce makes key of one store that of another, if nothing is there yet: who was there before has copied the same.
func copyOnce(ctx context.Context, from storage.Store, key string, to storage.Store, as string) (err error) {
	wrap := func(err error) error { return errs.E(errs.KindOf(err), "publish bad records", as, err) }
	if _, err := to.Stat(ctx, as); !errors.Is(err, storage.ErrNotExist) {
		return wrap(err)
	}
	r, _, err := from.Open(ctx, key, 0, -1)
	if err != nil {
		return wrap(err)
	}
	defer func() { _ = r.Close() }() // read only
	w, err := to.Create(ctx, as, nil)
	if err != nil {
		return wrap(err)
	}
	defer func() { _ = w.Abort() }() // nothing, once it is staged
	if _, err := io.Copy(w, r); err != nil {
		return wrap(err)
	}
	token, err := w.Stage(ctx)
	if err != nil {
		return wrap(err)
	}
	for try := 0; ; try++ {
		_, err := to.Publish(ctx, token)
		switch {
		case errors.Is(err, storage.ErrPrecondition):
			return wrap(to.Discard(ctx, token))
		case !errors.Is(err, storage.ErrUnknown):
			return wrap(err)
		}
		if err := ledger.Pause(ctx, as, try); err != nil {
			return wrap(err)
		}
	}
}
