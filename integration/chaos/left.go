package chaos

import (
	"context"
	"time"
)

// collect has what nobody owns any more removed, from the cluster's store and from this machine.
func (r *run) collect(ctx context.Context) error {
	if r.stage.Faults != nil {
		r.stage.Faults.Landed() // else an upload may begin when gc has looked
		// To gc it is the beginning of the second by the store's clock, so what began in this one is not old yet.
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, store := range []string{r.stage.URI("cluster"), ""} {
		got, err := r.stage.Undisturbed(ctx, "gc", "--store", store, "--older-than", "1ms")
		if err != nil {
			return err
		}
		if got.Code != 0 {
			r.broke("mrctl gc --store %q: exit code %d: %s", store, got.Code, got.Err)
		}
	}
	return nil
}

// checkLeft looks whether anything lies about all the same.
func (r *run) checkLeft(ctx context.Context) error {
	scratch, err := r.stage.Scratch()
	if err != nil {
		return err
	}
	for _, s := range scratch {
		r.broke("a worker has left its scratch behind: %s", s)
	}
	left, err := r.stage.Left(ctx)
	if err != nil {
		return err
	}
	for kind, names := range left {
		if len(names) > 0 {
			r.res.Left[kind] = len(names)
			r.broke("%d %s are left, such as %s", len(names), kind, names[0])
		}
	}
	return nil
}
