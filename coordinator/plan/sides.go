package plan

import (
	"context"

	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
)

// resolveSides finds the side files of a job, in the order in which the plugin names them.
func resolveSides(ctx context.Context, src dataset.Sources, job spec.Job, h Hints) ([]dataset.Side, error) {
	wanted := h.Stage.GetSides()
	if err := job.CheckSides(wanted); err != nil {
		return nil, err
	}
	var sides []dataset.Side
	for _, name := range wanted {
		s, err := dataset.FindSide(ctx, src, name, job.Sides[name])
		if err != nil {
			return nil, err
		}
		sides = append(sides, s)
	}
	return sides, nil
}
