package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/tempdir"
	"github.com/mrctl/mrctl/worker/plugincheck"
)

func (p *program) pluginCommand() *cli.Command {
	return &cli.Command{
		Name:      "plugin",
		Usage:     "check that a program is a plugin",
		ArgsUsage: "check PLUGIN",
		Subcommands: []*cli.Command{{
			Name:      "check",
			Usage:     "put a plugin through the rules of the wire that workers speak",
			ArgsUsage: "PLUGIN [-- plugin flags]",
			Description: `Starts the plugin as a worker does and holds it to docs/plugin-protocol.md, rule by rule: for plugins in other
languages. Lines are made up unless --records names some that the job is for. Exits with 1 if a rule is broken.

  mrctl plugin check ./wordcount
  mrctl plugin check --records access.log --failing boom ./examples/loganalysis`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "records", Usage: "`FILE` with lines of a real input (the first 10,000)"},
				&cli.StringFlag{Name: "failing", Usage: "a `RECORD` at which the job's Map returns an error"},
				&cli.DurationFlag{Name: "timeout", Value: plugincheck.DefaultTimeout, Usage: "how long a start, or an attempt, may take"},
			},
			Action: p.pluginCheck,
		}},
	}
}

// mostRecords bounds the lines taken of --records.
const mostRecords = 10_000

func (p *program) pluginCheck(c *cli.Context) (err error) {
	if c.NArg() != 1 {
		return next(errs.New(errs.Invalid, "plugin check takes one PLUGIN, not %d", c.NArg()), "mrctl plugin check ./examples/wordcount")
	}
	if c.Duration("timeout") < time.Second {
		return errs.New(errs.Invalid, "--timeout %v: it must be at least 1s", c.Duration("timeout"))
	}
	cfg := plugincheck.Config{Args: p.plugin, Timeout: c.Duration("timeout")}
	if name := c.String("records"); name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return errs.E(errs.Invalid, "--records", "", err)
		}
		lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		cfg.Records = lines[:min(len(lines), mostRecords)]
	}
	if c.IsSet("failing") {
		cfg.Failing = []byte(c.String("failing"))
	}
	scratch, err := tempdir.Make("", tempdir.Work)
	if err != nil {
		return errs.E(errs.Unavailable, "plugin check", "", err)
	}
	defer func() { _ = scratch.Remove() }() // a temporary folder
	pl, err := resolvePlugin(c.Context, c.Args().First(), scratch.Path, p.stderr)
	if err != nil {
		return err
	}
	if pl.digest != "" {
		return next(errs.New(errs.Invalid, "plugin %s: only what lies on this machine is checked", pl.arg), "name its binary or its folder")
	}
	cfg.Path, cfg.Scratch = pl.binaries[here], filepath.Join(scratch.Path, "check")
	broken := 0
	err = plugincheck.Run(c.Context, cfg, func(r plugincheck.Result) error {
		if r.State == plugincheck.Failed {
			broken++
		}
		if c.Bool(flagJSON) {
			return printJSON(p.stdout, r)
		}
		_, err := fmt.Fprintf(p.stdout, "%s  %-18s %s\n", r.State, r.Check, r.Seen)
		if err == nil && r.State == plugincheck.Failed {
			_, err = fmt.Fprintf(p.stdout, "%24s expected: %s\n", "", r.Expected)
		}
		return err
	})
	if err == nil && broken > 0 {
		err = errs.New(errs.UserCode, "plugin %s: %d of the rules are broken", pl.arg, broken)
	}
	return err
}
