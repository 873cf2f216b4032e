package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/worker/replay"
)

func (p *program) replayCommand() *cli.Command {
	return &cli.Command{
		Name:      "replay",
		Usage:     "run an attempt of a job again, here and alone, also under a debugger",
		ArgsUsage: "JOB TASK [ATTEMPT] [-- plugin flags]",
		Description: `TASK is like map/17 or reduce/0, and 2:map/3 in the second stage of a job. The attempt reads what it read then, by the plan of the
job: an input that has changed since is refused. Its pairs or rows are printed, what it counted and how it failed go to stderr, an
error with the place of its record. Runs that a reduce needs and that are gone are made again: its maps are run here, and nothing
but this partition is kept of them. The job is not touched. Flags after -- take the place of those that the job gave its plugin.

  mrctl replay 0198c2 map/17
  mrctl replay 0198c2 map/17 --plugin ./visits               by a plugin that you have changed
  mrctl replay 0198c2 reduce/0 --store s3://cluster/mrctl | head
  mrctl replay 0198c2 2:map/3 1 --plugin ./visits --debug    waits for a debugger before the first record`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "plugin", Usage: "run this `PLUGIN` (folder or binary) instead of the job's own"},
			&cli.BoolFlag{Name: "debug", Usage: "wait until a debugger is attached to the plugin; a folder is built for one, and there are no time limits"},
			&cli.StringFlag{Name: "output-format", Usage: "of what is printed: tsv, csv or jsonl", DefaultText: "tsv"},
			&cli.StringFlag{Name: "named", Usage: "print the rows of the named output `NAME` instead of those of the result"},
			&cli.IntFlag{Name: "slots", Usage: "run `N` maps at a time for a reduce", DefaultText: "the number of cores"},
			&cli.StringFlag{Name: "memory", Usage: "hold at most `BYTES`, such as 256MiB, 1GiB or 25%", DefaultText: defaultMemory + " of this machine's"},
		},
		Action: p.replay,
	}
}

func (p *program) replay(c *cli.Context) (err error) {
	t, err := replayTask(c)
	if err != nil {
		return err
	}
	cfg := replay.Config{Format: output.Format(c.String("output-format")), Named: c.String("named"), Stderr: p.stderr}
	if err := output.CheckFormat(string(cfg.Format)); err != nil {
		return err
	}
	if cfg.Memory, cfg.Slots, err = capacity(c); err != nil {
		return err
	}
	cl, id, err := p.openJob(c, c.Args().First())
	if err != nil {
		return err
	}
	defer cl.close()
	return p.withTempDir(func(dir string) error {
		cfg.Store, cfg.Places, cfg.Scratch = cl.store, cl.resolver, dir
		job, err := cl.record(c.Context, id)
		if err != nil {
			return err
		}
		if cfg.Plugin, cfg.Rebuilt, err = p.replayedPlugin(c, cl, job, dir); err != nil {
			return err
		}
		if len(p.plugin) > 0 {
			cfg.Args, cfg.Rebuilt = p.plugin, true
		}
		if err := p.tellPast(c.Context, cl, id, t); err != nil {
			return err
		}
		cfg.Say = func(text string) {
			if !c.Bool(flagQuiet) {
				fmt.Fprintln(p.stderr, text)
			}
		}
		if c.Bool("debug") {
			cfg.Debug = p.awaitDebugger
		}
		out := bufio.NewWriterSize(p.stdout, 64<<10)
		res, err := replay.Run(c.Context, cfg, replay.Task{Job: id, Stage: t.stage, Phase: t.phase, Index: t.index, Attempt: t.attempt}, out)
		if err = errors.Join(err, out.Flush()); err != nil {
			if errs.Is(err, errs.UserCode) {
				return exitWith(exitFailed, err)
			}
			return err
		}
		return p.tellCounted(c, t, res)
	})
}

// replayTask reads which attempt is meant.
func replayTask(c *cli.Context) (task, error) {
	if err := needArgs(c, 2, 3); err != nil {
		return task{}, err
	}
	name := c.Args().Get(1)
	if attempt := c.Args().Get(2); attempt != "" {
		if strings.Contains(name, ".") {
			return task{}, errs.New(errs.Invalid, "replay: attempt %s of %s: it names an attempt already", attempt, name)
		}
		name += "." + attempt
	}
	t, err := parseTask(name)
	if err == nil && t.phase == "" {
		err = errs.New(errs.Invalid, "replay: which task? They are called map/17 or reduce/0")
	}
	return t, err
}

// replayedPlugin finds the binary to run: that of --plugin, else the job's own. rebuilt says that it is not the job's own.
func (p *program) replayedPlugin(c *cli.Context, cl *cluster, job ledger.Job, dir string) (path string, rebuilt bool, err error) {
	digest, ok := job.Spec.Plugins[here]
	if arg := c.String("plugin"); arg != "" {
		pl, err := resolveFor(c.Context, arg, dir, p.stderr, c.Bool("debug"))
		if err != nil {
			return "", false, err
		}
		if pl.digest != "" {
			path, err = fetchPlugin(c.Context, cl.store, pl.digest, dir)
			return path, pl.digest != digest, err
		}
		sum, err := pl.sum()
		if err == nil && sum != digest && !c.Bool(flagQuiet) {
			fmt.Fprintf(p.stderr, "plugin: %s (sha256 %.12s) is not the one that the job ran (%.12s)\n", arg, sum, digest)
		}
		return pl.binaries[here], sum != digest, err
	}
	if !ok {
		return "", false, next(errs.New(errs.Invalid, "replay: the job has no plugin for %s", here), "name one with --plugin")
	}
	path, err = fetchPlugin(c.Context, cl.store, digest, dir)
	if errs.Is(err, errs.NotFound) {
		// A job of commands is run by mrctl itself, which is here.
		if self, ownErr := os.Executable(); ownErr == nil {
			if sum, ownErr := (&plugin{binaries: map[string]string{here: self}}).sum(); ownErr == nil && sum == digest {
				return self, false, nil
			}
		}
		err = next(errs.New(errs.NotFound, "replay: the plugin of the job (sha256 %.12s) is not kept any more; mrctl run keeps those of its latest jobs that failed",
			digest),
			"name its folder, or a binary, with --plugin")
	}
	return path, false, err
}

// tellPast says how the attempts in question ended, as far as that was noted.
func (p *program) tellPast(ctx context.Context, cl *cluster, id string, t task) error {
	if t.attempt >= 0 {
		if err := cl.knows(ctx, id, t); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%s/%d", ledger.StepName(t.stage, t.phase), t.index)
	if t.attempt >= 0 {
		name = t.String()
	}
	for log, err := range ledger.Logs(ctx, cl.store, id, name) {
		if err != nil {
			return err
		}
		head, _, _ := strings.Cut(string(log.Text), "\n")
		if _, err := fmt.Fprintln(p.stderr, "then:", head); err != nil {
			return err
		}
	}
	return nil
}

// knows refuses an attempt that there was not. Where the history does not tell, it may have been.
func (cl *cluster) knows(ctx context.Context, id string, t task) error {
	events, err := ledger.ReadHistory(ctx, cl.store, id)
	name := fmt.Sprintf("%s/%d", ledger.StepName(t.stage, t.phase), t.index)
	var had []int32
	for _, e := range events {
		if e.Task == name && !slices.Contains(had, e.Attempt) {
			had = append(had, e.Attempt)
		}
	}
	if err != nil || len(had) == 0 || slices.Contains(had, int32(t.attempt)) {
		return nil // what cannot be read is no reason to run nothing
	}
	slices.Sort(had)
	return errs.New(errs.NotFound, "replay %s: there was no attempt %d; those that the history tells of: %v", name, t.attempt, had)
}

// awaitDebugger says which process waits, and for what, and waits for Enter or SIGCONT.
func (p *program) awaitDebugger(ctx context.Context, pid int) error {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	fmt.Fprintf(p.stderr, `the plugin is process %d and has no record yet; attach to it:

  dlv attach %d        (or gdb -p %d)

set breakpoints, continue, and then press Enter here, or send SIGCONT to process %d
`, pid, pid, pid, os.Getpid())
	entered := make(chan struct{})
	go func() { // outlives the wait where Enter is never pressed: a read of a terminal cannot be ended
		if _, err := bufio.NewReader(p.stdin).ReadString('\n'); err == nil {
			close(entered)
		}
	}()
	select {
	case <-entered:
	case <-resumed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// tellCounted says what the attempt counted.
func (p *program) tellCounted(c *cli.Context, t task, res replay.Result) error {
	if c.Bool(flagQuiet) {
		return nil
	}
	n := res.Tally
	text := fmt.Sprintf("%s: %s in, %s out", ledger.StepName(t.stage, t.phase), count(n.GetRecordsIn(), "record"), count(n.GetRowsOut(), "row"))
	if t.phase == ledger.Map {
		text = fmt.Sprintf("%s: %s and %s in, %s emitted, %s out", ledger.StepName(t.stage, t.phase), count(n.GetRecordsIn(), "record"),
			showSize(n.GetBytesIn()), count(n.GetPairsOut(), "pair"), count(n.GetRowsOut(), "row"))
	}
	fmt.Fprintf(p.stderr, "%s, took %v\n", text, res.Took.Round(time.Millisecond))
	names := make([]string, 0, len(n.GetUser()))
	for name := range n.GetUser() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(p.stderr, "counter %s: %d\n", name, n.GetUser()[name])
	}
	if n.GetBadRecords() == 0 {
		return nil
	}
	fmt.Fprintf(p.stderr, "%s:\n", count(n.GetBadRecords(), "bad record"))
	for _, b := range n.GetBadSamples() {
		fmt.Fprintf(p.stderr, "  %s at byte %d: %s\n", b.GetObject(), b.GetOffset(), b.GetError())
	}
	return nil
}
