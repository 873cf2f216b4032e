package replay

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/intake"
)

// split reads what a map task reads, and finds whether it can be read still.
func (r *replay) split(ctx context.Context, plans *dataset.Plans, task int) (dataset.Split, error) {
	e := r.extents[task]
	s, err := plans.Split(ctx, r.head.Job, e.Task)
	if err != nil {
		return dataset.Split{}, fmt.Errorf("replay %s: %w", r.task, err)
	}
	s = s.Between(e.From, e.To)
	return s, r.unchanged(ctx, s)
}

// unchanged holds the objects of a split to what they were when the job was planned.
func (r *replay) unchanged(ctx context.Context, s dataset.Split) error {
	seen := map[string]bool{}
	for _, p := range s.Pieces {
		if seen[p.URI] {
			continue
		}
		seen[p.URI] = true
		src, key, err := r.sources.Source(p.URI)
		if err != nil {
			return err
		}
		info, err := src.Stat(ctx, key)
		switch {
		case errors.Is(err, storage.ErrNotExist) && strings.HasPrefix(p.URI, "stage://"):
			return errs.New(errs.NotFound, "replay %s: it read rows of an earlier stage, and these went with the end of the job (%s)", r.task, p.URI)
		case errors.Is(err, storage.ErrNotExist):
			return errs.New(errs.NotFound, "replay %s: its input %s is gone, or not to be seen from this machine", r.task, p.URI)
		case err != nil:
			return errs.E(errs.KindOf(err), "input", p.URI, err)
		case info.Version != p.Version:
			return errs.New(errs.Conflict, "replay %s: its input %s is not what the job read: it had %d bytes (version %s), and has %d now (version %s)",
				r.task, p.URI, p.Size, p.Version, info.Size, info.Version)
		}
	}
	return nil
}

// bringSides brings the files that the plugin reads besides records.
func (r *replay) bringSides(ctx context.Context) ([]*pluginv1.Side, error) {
	for _, s := range r.head.Sides[len(r.sides):] {
		path, _, err := intake.Side(ctx, r.cfg.Places, s, filepath.Join(r.cfg.Scratch, "sides", s.Name))
		if err != nil {
			return nil, fmt.Errorf("replay %s: side file %s: %w", r.task, s.Name, err)
		}
		r.sides = append(r.sides, &pluginv1.Side{Name: s.Name, Path: path})
	}
	return r.sides, nil
}
