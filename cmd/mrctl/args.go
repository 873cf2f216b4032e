package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// noArgs refuses positionals.
func noArgs(c *cli.Context) error {
	if c.NArg() > 0 {
		return next(errs.New(errs.Invalid, "%s: it takes no argument, and %q is one", c.Command.Name, c.Args().First()),
			"mrctl %s --help", c.Command.Name)
	}
	return nil
}

// needArgs refuses a call with another number of positionals than from min to max (-1: any), which names says.
func needArgs(c *cli.Context, min, max int) error {
	if n := c.NArg(); n < min || max >= 0 && n > max {
		return next(errs.New(errs.Invalid, "%s: it takes %s, and %s given", c.Command.Name, c.Command.ArgsUsage, were(n)),
			"mrctl %s --help", c.Command.Name)
	}
	return nil
}

func were(n int) string {
	if n == 1 {
		return "1 argument was"
	}
	return fmt.Sprintf("%d arguments were", n)
}

// openJob opens the cluster that a job belongs to and completes its id: the cluster of --store or, without one, that of
// a run on this machine.
func (p *program) openJob(c *cli.Context, prefix string) (*cluster, string, error) {
	if c.String(flagStore) == "" {
		return p.openRun(c, prefix)
	}
	cl, err := openCluster(c)
	if err != nil {
		return nil, "", err
	}
	id, err := findJob(c.Context, cl, prefix)
	if err != nil {
		cl.close()
		return nil, "", err
	}
	return cl, id, nil
}

func findJob(ctx context.Context, cl *cluster, prefix string) (string, error) {
	id, err := ledger.ResolveJobID(ctx, cl.store, prefix)
	if errs.Is(err, errs.NotFound) {
		return "", next(err, "mrctl jobs --store %s lists them", cl.uri)
	}
	if err != nil && !errs.Is(err, errs.Invalid) {
		return "", cl.storeError(err)
	}
	return id, err
}
