package chaos

import "context"

// collect has what nobody owns any more removed, if the cluster knows how to; then nothing may be left.
func (r *run) collect(ctx context.Context) (strict bool, err error) {
	got, err := r.stage.Undisturbed(ctx, "gc", "--store", r.stage.URI("cluster"))
	return got.Code == 0, err
}

// checkLeft counts what lies about. It breaks a rule where somebody has been asked to remove it, or where nothing was
// broken and so nobody had reason to leave it.
func (r *run) checkLeft(ctx context.Context, strict bool) error {
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
		if len(names) == 0 {
			continue
		}
		r.res.Left[kind] = len(names)
		if strict || r.force == 0 {
			r.broke("%d %s are left, such as %s", len(names), kind, names[0])
		}
	}
	return nil
}
