package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/integration/chaos"
	"github.com/mrctl/mrctl/integration/chaos/clockjump"
	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/internal/errs"
)

// mainPackage is what is built once more with a clock that can be moved.
const mainPackage = "github.com/mrctl/mrctl/cmd/mrctl"

func canMoveClocks(ctx context.Context) error { return clockjump.Check(ctx, mainPackage) }

// clocks lets runs move clocks where that can be done and is wanted: the program is built when the first run needs it, and
// removed by drop. Where it cannot be done it says so, and refuses if nothing else was asked for.
func (p *program) clocks(c *cli.Context, o *chaos.Options) (drop func() error, err error) {
	drop = func() error { return nil }
	isClock := func(k plan.Kind) bool { return plan.Of(k).Needs&plan.Clocks != 0 }
	if !slices.ContainsFunc(o.Faults, isClock) {
		return drop, nil
	}
	if err := canMoveClocks(c.Context); err != nil {
		if !slices.ContainsFunc(o.Faults, func(k plan.Kind) bool { return !isClock(k) }) {
			return drop, next(errs.E(errs.Invalid, "chaos: clocks cannot be moved here", "", err), "run it on Linux with the go tool, in the folder of mrctl's source")
		}
		fmt.Fprintf(p.stderr, "clocks are not moved: that needs Linux, the go tool, and mrctl's source as the working folder\n")
		return drop, nil
	}
	dir, err := os.MkdirTemp("", "mrctl-clock-")
	if err != nil {
		return drop, err
	}
	build := sync.OnceValues(func() (string, error) {
		fmt.Fprintln(p.stderr, "building mrctl with a clock that can be moved")
		out := filepath.Join(dir, "mrctl")
		return out, clockjump.Build(c.Context, mainPackage, dir, out)
	})
	o.Clocked = func(context.Context) (string, error) { return build() }
	return func() error { return os.RemoveAll(dir) }, nil
}
