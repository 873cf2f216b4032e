package worker

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/intake"
)

// sideFiles are the files that a job reads besides its input, as they lie in its scratch folder: brought there when
// the first attempt needs them, and removed with the folder.
type sideFiles struct {
	turn chan struct{}    // holds one token, for whoever brings them
	here []*pluginv1.Side // belongs to who holds the token; nil until all are there
}

func newSideFiles() sideFiles { return sideFiles{turn: make(chan struct{}, 1)} }

// sides gives the side files of a job. Attempts that need them at once wait for the one that brings them; if that one fails,
// or is stopped, the next tries again.
func (a *Agent) sides(ctx context.Context, j *job) ([]*pluginv1.Side, error) {
	if len(j.head.Sides) == 0 {
		return nil, nil
	}
	select {
	case j.files.turn <- struct{}{}:
		defer func() { <-j.files.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if j.files.here != nil {
		return j.files.here, nil
	}
	var here []*pluginv1.Side
	for _, s := range j.head.Sides {
		path, err := a.bringSide(ctx, j, s)
		if err != nil {
			return nil, fmt.Errorf("side file %s: %w", s.Name, err)
		}
		here = append(here, &pluginv1.Side{Name: s.Name, Path: path})
	}
	j.files.here = here
	return here, nil
}

// bringSide writes a side file into a folder of its own, where it keeps its name, and gives its path.
func (a *Agent) bringSide(ctx context.Context, j *job, s dataset.Side) (path string, err error) {
	began := time.Now()
	path, n, err := intake.Side(ctx, a.cfg.Resolver, s, filepath.Join(j.scratch, "sides", s.Name))
	if err != nil {
		return "", err
	}
	a.log.Info("side file brought", zap.String("job", j.id), zap.String("name", s.Name), zap.String("uri", s.File.URI),
		zap.Int64("bytes", s.File.Size), zap.Int64("unpacked", n), zap.Duration("took", time.Since(began)))
	return path, nil
}
