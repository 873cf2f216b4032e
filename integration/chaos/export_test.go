package chaos

import (
	"context"

	"github.com/mrctl/mrctl/integration/chaos/work"
)

// Deceived is Run that takes another answer for the right one.
func (o Options) Deceived(ctx context.Context, seed uint64) (Result, error) {
	return o.run(ctx, seed, func(s work.Spec) work.Answer { s.Seed++; s.Files++; return s.Answer() })
}
