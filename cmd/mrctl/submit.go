package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

func (p *program) submitCommand() *cli.Command {
	return &cli.Command{
		Name:      "submit",
		Usage:     "give a job to a cluster and, unless told otherwise, wait for it",
		ArgsUsage: "PLUGIN INPUT... -o URI [-- plugin flags]",
		Description: `The job is kept in the cluster's store, so it is done even if no coordinator runs just now, or this machine goes
away. Paths of this machine are refused unless the store is a folder too, or --shared-fs says that all workers see them.

  mrctl submit ./examples/wordcount 's3://logs/2026/**' -o s3://results/words --store s3://cluster/mrctl
  mrctl submit -f job.yaml --set day=2026-11-22 --store s3://cluster/mrctl
  mrctl submit ./examples/wordcount 's3://logs/2026/**' -o s3://results/in-order --sorted --store s3://cluster/mrctl
  mrctl submit ./visits --input users=s3://crm/users.csv --input events=s3://logs/ -o s3://results/visits --store s3://cluster/mrctl
  id=$(mrctl submit ./wc s3://logs/ -o s3://results/words --store s3://cluster/mrctl --detach)

Ctrl-C asks whether to cancel the job or to leave it running; where nobody can be asked, it cancels.`,
		Flags: slices.Concat(jobFlags(), commandFlags(), jobFileFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "print the job's id and leave"},
			&cli.BoolFlag{Name: "shared-fs", Usage: "local paths mean the same on every worker"},
		}),
		Action: p.submit,
	}
}

func (p *program) submit(c *cli.Context) error {
	what, err := p.subject(c)
	if err != nil {
		return err
	}
	return p.withTempDir(func(dir string) error {
		if p.asksForHelp() {
			return p.printPluginHelp(c.Context, what.arg, dir)
		}
		p.plugin = what.args
		return p.submitFrom(c, what, dir)
	})
}

// submitFrom submits; scratch is a folder for what is built.
func (p *program) submitFrom(c *cli.Context, what subject, scratch string) error {
	var err error
	if what.inputs, err = p.listedInputs(c, what.inputs); err != nil {
		return err
	}
	if len(what.inputs) == 0 && !c.IsSet(flagInput) {
		return next(errs.New(errs.Invalid, "submit: no input was given"), "name files, folders or s3:// URIs after the plugin")
	}
	if out := c.String("o"); out == "" || out == stdout {
		return next(errs.New(errs.Invalid, "submit: where does the result go?"), "name a folder or an s3:// URI with -o")
	}
	if fileFormat(c) != "" {
		return next(errs.New(errs.Invalid, "submit: output %s is the name of a file, and a cluster writes folders", c.String("o")), "name a folder, which will hold one part, or use mrctl run --store")
	}
	o := &order{}
	if o.job, err = jobOf(c, what); err != nil {
		return err
	}
	if slices.Contains(slices.Concat(o.job.InputLists()...), stdin) {
		return next(errs.New(errs.Invalid, "submit: a cluster cannot read this process's standard input"), "put it into a file or a bucket, or use mrctl run")
	}
	o.id = ledger.JobIDFor(o.job)
	cl, err := openCluster(c)
	if err != nil {
		return err
	}
	defer cl.close()
	if err := checkShared(cl.uri, o.job.SharedFS, slices.Concat(slices.Concat(o.job.InputLists()...), slices.Collect(maps.Values(o.job.Sides)), []string{o.job.Output})...); err != nil {
		return err
	}
	if err := p.checkPlaces(c, cl, o, false); err != nil {
		return err
	}
	if o.plugin, err = what.resolve(c.Context, p, scratch); err != nil {
		return err
	}
	err = p.describe(c.Context, cl, o)
	if err = errors.Join(err, o.plugin.close()); err != nil {
		return err
	}
	if err := p.place(c.Context, cl, o, cl.platforms(c.Context)); err != nil {
		return err
	}
	return p.submitted(c, cl, o.id)
}

// submitted tells of a job that is in the inbox of a cluster, and follows it unless told otherwise.
func (p *program) submitted(c *cli.Context, cl *cluster, id string) error {
	led := cl.nudge(c.Context, 1)
	if c.Bool("detach") {
		if !led && !c.Bool(flagQuiet) {
			fmt.Fprintf(p.stderr, "no coordinator leads at %s; the job starts when one does\n", cl.uri)
		}
		if c.Bool(flagJSON) {
			return printJSON(p.stdout, map[string]string{"id": id})
		}
		_, err := fmt.Fprintln(p.stdout, id)
		return err
	}
	s, err := p.follow(c, cl, id)
	if errors.Is(err, errInterrupted) {
		if p.asks && p.wantsDetach(id) {
			fmt.Fprintf(p.stderr, "job %s goes on; mrctl watch %s --store %s follows it\n", id, id, cl.uri)
			return nil
		}
		return errors.Join(err, p.cancelNow(c, cl, id))
	}
	if err != nil {
		return err
	}
	return p.conclude(c, cl, s)
}

// wantsDetach asks what an interrupt was meant to do. Leaving the job alone is what no answer means.
func (p *program) wantsDetach(id string) bool {
	fmt.Fprintf(p.stderr, "\nleave job %s running, or cancel it? [l/c] ", id)
	answer, err := bufio.NewReader(p.stdin).ReadString('\n')
	return err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "c")
}

// briefly is how long a call may take whose answer is of use but not needed.
const briefly = 3 * time.Second

// platforms names the platforms of the workers there are, if they can be asked for quickly.
func (cl *cluster) platforms(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, briefly)
	defer cancel()
	var list []string
	_ = cl.askFor(ctx, 1, func(ctx context.Context, client controlv1.ControlServiceClient) error {
		answer, err := client.Workers(ctx, &controlv1.WorkersRequest{})
		for _, w := range answer.GetWorkers() {
			if w.Platform != "" && !slices.Contains(list, w.Platform) {
				list = append(list, w.Platform)
			}
		}
		return err
	}) // nobody to ask: the client's own platform is the best guess
	slices.Sort(list)
	return list
}

// nudge has the leader look at its inbox now rather than soon, and says whether there is one.
func (cl *cluster) nudge(ctx context.Context, tries int) bool {
	ctx, cancel := context.WithTimeout(ctx, briefly)
	defer cancel()
	return cl.askFor(ctx, tries, func(ctx context.Context, client controlv1.ControlServiceClient) error {
		_, err := client.Nudge(ctx, &controlv1.NudgeRequest{})
		return err
	}) == nil
}
