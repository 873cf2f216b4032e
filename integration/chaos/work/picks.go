package work

import (
	"context"

	"github.com/mrctl/mrctl/jobs"
)

// aside is the named output of Picks.
var aside = jobs.Output[string]("aside")

func picks() jobs.Job[string, jobs.None, string, string] {
	j := jobs.Each("chaos-picks", func(ctx context.Context, line string, emit func(string)) error {
		if row, apart := pick(line); apart {
			aside.Emit(ctx, row)
		} else {
			emit(row)
		}
		return took(ctx)
	})
	j.Outputs = []jobs.NamedOutput{aside}
	return j
}
