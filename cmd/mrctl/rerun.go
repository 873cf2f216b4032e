package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/jobs/streaming"
	"github.com/mrctl/mrctl/storage"
)

func (p *program) rerunCommand() *cli.Command {
	return &cli.Command{
		Name:      "rerun",
		Usage:     "submit a job of a cluster again, as a new one",
		ArgsUsage: "JOB [-- plugin flags]",
		Description: `The new job has the plugin, the flags and the inputs of JOB as they were given; folders and globs are listed again, so files that
have come since are read. Its result goes where that of JOB was to go, if JOB left nothing there, as one that failed or was cancelled;
otherwise say where with -o. Flags given here go before those of JOB, and those after -- take the place of the plugin's.

  mrctl rerun 0198c2 --store s3://cluster/mrctl                          once what made it fail is mended
  mrctl rerun 0198c2 -o s3://results/again --store s3://cluster/mrctl
  mrctl rerun 0198c2 --plugin ./visits --store s3://cluster/mrctl        by a plugin that you have changed`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`URI` for the result, a folder that is empty or not there yet", DefaultText: "that of JOB"},
			&cli.StringFlag{Name: "plugin", Usage: "run this `PLUGIN` (folder, binary or sha256:...) instead of the one of JOB"},
			&cli.IntFlag{Name: "priority", Usage: "jobs of a higher `N` go first", DefaultText: "that of JOB"},
			&cli.IntFlag{Name: "max-attempts", Usage: "give up when a task has failed `N` times", DefaultText: "that of JOB"},
			&cli.Int64Flag{Name: "max-bad-records", Usage: "set aside at most `N` bad records", DefaultText: "that of JOB"},
			&cli.StringFlag{Name: "request-id", Usage: "submitting the same `ID` again gives the same job"},
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "print the job's id and leave"},
		},
		Action: p.rerun,
	}
}

func (p *program) rerun(c *cli.Context) error {
	if err := needArgs(c, 1, 1); err != nil {
		return err
	}
	if c.String(flagStore) == "" {
		return next(errs.New(errs.Invalid, "rerun: jobs of a cluster are submitted again, and no cluster is named"),
			"name its store with --store; what mrctl run did on this machine is done again by the same command")
	}
	cl, id, err := p.openJob(c, c.Args().First())
	if err != nil {
		return err
	}
	defer cl.close()
	was, err := cl.record(c.Context, id)
	if err != nil {
		return err
	}
	o := &order{}
	if o.job, err = againAs(c, id, was); err != nil {
		return err
	}
	o.id = ledger.JobIDFor(o.job)
	if err := checkShared(cl.uri, o.job.SharedFS, slices.Concat(slices.Concat(o.job.InputLists()...), slices.Collect(maps.Values(o.job.Sides)), []string{o.job.Output})...); err != nil {
		return err
	}
	if err := p.checkPlaces(c, cl, o, false); err != nil {
		return err
	}
	return p.withTempDir(func(dir string) error {
		if err := p.pluginAgain(c, cl, o, dir); err != nil {
			return err
		}
		if err := p.place(c.Context, cl, o, cl.platforms(c.Context)); err != nil {
			return err
		}
		if !c.Bool(flagQuiet) {
			fmt.Fprintf(p.stderr, "job %s again as %s\n", id, o.id)
		}
		return p.submitted(c, cl, o.id)
	})
}

// againAs is a job like a past one, with what the flags say.
func againAs(c *cli.Context, id string, past ledger.Job) (spec.Job, error) {
	j := past.Spec
	j.RequestID = c.String("request-id")
	if c.IsSet("priority") {
		j.Priority = c.Int("priority")
	}
	if c.IsSet("max-attempts") {
		j.MaxAttempts = c.Int("max-attempts")
	}
	if c.IsSet("max-bad-records") {
		j.MaxBadRecords = c.Int64("max-bad-records")
	}
	switch out := c.String("output"); {
	case out == stdout, out == "" && c.IsSet("output"), out == "" && j.Output == "":
		return j, next(errs.New(errs.Invalid, "rerun: where does the result go?"), "name a folder or an s3:// URI with -o")
	case out != "":
		uri, err := absolute(out)
		j.Output = uri
		return j, err
	case !past.Phase.Ended():
		return j, next(errs.New(errs.Invalid, "rerun: job %s goes on still, and writes to %s", id, j.Output), "cancel it first, or name another folder with -o")
	}
	return j, nil
}

// pluginAgain finds the plugin: that of --plugin, else the one of the past job, which has to be in the store still.
func (p *program) pluginAgain(c *cli.Context, cl *cluster, o *order, scratch string) error {
	arg, args := c.String("plugin"), p.plugin
	commands := len(o.job.Args) > 0 && o.job.Args[0] == streaming.Verb // served by mrctl, by arguments that no other plugin has
	switch {
	case commands && arg == "" && len(args) > 0:
		return errs.New(errs.Invalid, "rerun: the job is one of commands, and there is no plugin that %q could be for", args[0])
	case len(args) == 0 && (!commands || arg == ""):
		args = o.job.Args
	}
	p.plugin = args
	if arg == "" {
		for platform, digest := range o.job.Plugins {
			_, err := cl.store.Stat(c.Context, ledger.PluginKey(digest))
			if errors.Is(err, storage.ErrNotExist) {
				return next(errs.New(errs.NotFound, "rerun: the plugin of the job for %s (sha256 %.12s) is not in the store any more", platform, digest),
					"name its folder, or a binary, with --plugin")
			}
			if err != nil {
				return cl.storeError(err)
			}
			arg = "sha256:" + digest
		}
		if slices.Equal(args, o.job.Args) {
			return nil // what it is, is known
		}
	}
	return p.describeAgain(c.Context, cl, o, arg, scratch)
}

// describeAgain asks another plugin, or one with other flags, what it is.
func (p *program) describeAgain(ctx context.Context, cl *cluster, o *order, arg, scratch string) (err error) {
	o.job.Plugins, o.job.Then = nil, nil
	if o.plugin, err = resolvePlugin(ctx, arg, scratch, p.stderr); err != nil {
		return err
	}
	if err = p.describe(ctx, cl, o); err != nil {
		_ = o.plugin.close() // the error is the one to tell
		return err
	}
	return o.plugin.close()
}
