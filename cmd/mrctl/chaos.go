package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/integration/chaos"
	"github.com/mrctl/mrctl/integration/chaos/netspace"
	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/work"
	"github.com/mrctl/mrctl/internal/errs"
)

func (p *program) chaosCommand() *cli.Command {
	return &cli.Command{
		Name:  "chaos",
		Usage: "start clusters of its own, break things in them, and check that nothing is lost",
		Description: `Each run starts coordinators and workers of its own on this machine, gives them a job whose answer is known, and kills,
stops, cuts off, delays and damages what its seed says. Then it checks that the output is exact, the counters are, nothing is
left behind, no process ended by itself and the job ended in time. No cluster of yours is touched: --store names a kind of
store, and an S3 server is started for it (make tools installs them). Faults of the group clock are drawn where the go tool is
there and the working folder is in mrctl's source, for they need a build of it whose clock can be moved; elsewhere they are
left out.

With --net namespaces each process has a network of its own, in which packets vanish, are lost and are late: it needs Linux,
/dev/net/tun, and root or the right to make user namespaces; nothing of them is seen outside, or left. With --net proxies connections go through proxies, which cut and
hold them, and faults of the group packets are left out. A seed is another run in the one than in the other.

A run that finds something is printed with the command that repeats it, and its logs are kept. Exits with 1 if there was one.

  mrctl chaos --runs 20
  mrctl chaos --seed 17 --runs 1 --store versitygw
  mrctl chaos --faults kill-leader,network --runs 50 --json
  mrctl chaos --faults clock --runs 20
  mrctl chaos --net namespaces --faults packets --runs 20
  mrctl chaos --work stages --runs 20
  mrctl chaos --list`,
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seed", Usage: "of the first run; the others follow it", DefaultText: "by chance"},
			&cli.IntFlag{Name: "runs", Value: 10, Usage: "do `N` runs"},
			&cli.IntFlag{Name: "at-once", Value: 1, Usage: "`N` runs at a time"},
			&cli.StringFlag{Name: "store", Usage: "one or more of folder, versitygw, minio", DefaultText: "all that are installed"},
			&cli.StringFlag{Name: "faults", Usage: "`LIST` of faults and groups to choose from, or none", DefaultText: "all that can be done here"},
			&cli.StringFlag{Name: "net", Value: "auto", Usage: "namespaces, proxies, or auto: namespaces where they can be had"},
			&cli.StringFlag{Name: "work", Usage: "one or more of " + workKinds(), DefaultText: "any"},
			&cli.StringFlag{Name: "keep", Usage: "`DIR` for the logs of runs that found something", DefaultText: "a new temporary folder"},
			&cli.BoolFlag{Name: "list", Usage: "list the faults there are, and run nothing"},
		},
		Action: p.chaos,
	}
}

func (p *program) chaos(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	if c.Bool("list") {
		return p.listFaults(c)
	}
	if c.Int("runs") < 1 || c.Int("at-once") < 1 {
		return errs.New(errs.Invalid, "chaos: --runs and --at-once are 1 at least")
	}
	spaces, done, err := p.spaces(c)
	if done || err != nil {
		return err
	}
	o, leave, err := p.chaosOptions(c)
	if err != nil {
		return err
	}
	o.Spaces = spaces
	seed := c.Uint64("seed")
	if !c.IsSet("seed") {
		seed = rand.Uint64N(1e9)
	}
	broken, err := p.campaign(c, o, seed)
	if left := leave(); err == nil {
		err = left
	}
	if err == nil && broken > 0 {
		err = exitWith(exitFailed, errs.New(errs.Other, "chaos: %d of %d runs found something", broken, c.Int("runs")))
	}
	return err
}

// chaosOptions turns flags into options. leave removes the folder if nothing was kept in it.
func (p *program) chaosOptions(c *cli.Context) (o chaos.Options, leave func() error, err error) {
	o = chaos.Options{List: c.String("faults")}
	if o.Faults, err = plan.Parse(o.List); err != nil {
		return o, nil, next(errs.E(errs.Invalid, "chaos: --faults", "", err), "mrctl chaos --list names them")
	}
	o.Stores = chaos.Available()
	if c.IsSet("store") {
		available := o.Stores
		o.Stores = nil
		for name := range strings.SplitSeq(c.String("store"), ",") {
			if !slices.Contains(available, plan.Store(name)) {
				return o, nil, next(errs.New(errs.Invalid, "chaos: there is no store %q here, only %v", name, available), "make tools installs S3 servers")
			}
			o.Stores = append(o.Stores, plan.Store(name))
		}
	}
	if c.IsSet("work") {
		for name := range strings.SplitSeq(c.String("work"), ",") {
			if !slices.Contains(work.Kinds, work.Kind(name)) {
				return o, nil, errs.New(errs.Invalid, "chaos: there is no work %q, only %s", name, workKinds())
			}
			o.Work = append(o.Work, work.Kind(name))
		}
	}
	if o.Binary, err = os.Executable(); err != nil {
		return o, nil, err
	}
	dropClocks, err := p.clocks(c, &o)
	if err != nil {
		return o, nil, err
	}
	if o.Dir = c.String("keep"); o.Dir != "" {
		return o, dropClocks, os.MkdirAll(o.Dir, 0o700)
	}
	o.Dir, err = os.MkdirTemp("", "mrc-")
	return o, func() error {
		if err := dropClocks(); err != nil {
			return err
		}
		if kept, _ := filepath.Glob(filepath.Join(o.Dir, "*")); len(kept) > 0 {
			return nil
		}
		return os.Remove(o.Dir)
	}, err
}

// workKinds lists the kinds of work.
func workKinds() string {
	var names []string
	for _, k := range work.Kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// campaign does the runs and tells of each as it ends.
func (p *program) campaign(c *cli.Context, o chaos.Options, seed uint64) (broken int, err error) {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(c.Context)
	g.SetLimit(c.Int("at-once"))
	for i := range c.Int("runs") {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			res, err := o.Run(ctx, seed+uint64(i))
			if err != nil {
				return fmt.Errorf("chaos: seed %d: %w", res.Seed, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(res.Broken) > 0 {
				broken++
			}
			return p.tellRun(c, res)
		})
	}
	return broken, g.Wait()
}

func (p *program) tellRun(c *cli.Context, res chaos.Result) error {
	if c.Bool(flagJSON) {
		return printJSON(p.stdout, res)
	}
	word := "ok"
	if len(res.Broken) > 0 {
		word = "BROKEN"
	}
	if _, err := fmt.Fprintf(p.stdout, "%-6s seed %d in %.1f s (bound %.0f s): %s\n", word, res.Seed, res.Seconds, res.Bound, res.Plan); err != nil || len(res.Broken) == 0 {
		return err
	}
	for _, line := range res.Happened {
		fmt.Fprintf(p.stdout, "         %s\n", line)
	}
	for _, line := range res.Broken {
		fmt.Fprintf(p.stdout, "  broken: %s\n", line)
	}
	_, err := fmt.Fprintf(p.stdout, "  logs:   %s\n  again:  %s\n", res.Logs, res.Replay)
	return err
}

func (p *program) listFaults(c *cli.Context) error {
	have := chaos.Have()
	if clocks := canMoveClocks(c.Context); clocks == nil {
		have |= plan.Clocks
	}
	if netspace.Check() == nil {
		have |= plan.Spaces
	}
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, a := range plan.Faults {
		needs := ""
		switch missing := a.Needs &^ have; {
		case missing&plan.Root != 0:
			needs = " (not here: needs the right to mount)"
		case missing&plan.Linux != 0:
			needs = " (not here: needs Linux)"
		case missing&plan.Clocks != 0:
			needs = " (not here: needs Linux, the go tool, and mrctl's source as the working folder)"
		case missing&plan.Spaces != 0:
			needs = " (not here: needs network namespaces)"
		case missing&plan.S3 != 0:
			needs = " (with an S3 server)"
		}
		if c.Bool(flagJSON) {
			if err := printJSON(p.stdout, map[string]string{"fault": string(a.Kind), "group": a.Group, "says": a.Says + needs}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s%s\n", a.Group, a.Kind, a.Says, needs)
	}
	return t.Flush()
}
