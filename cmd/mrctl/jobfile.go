package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/jobfile"
)

// Flags about job files.
const (
	flagJobFile = "f"
	flagSet     = "set"
)

// jobFileFlags are the flags of run and submit that read a job file.
func jobFileFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagJobFile, Usage: "the job from `FILE` (YAML, see docs/job-files.md); flags and arguments given here go before what it says"},
		&cli.StringSliceFlag{Name: flagSet, Usage: "`NAME=VALUE` for a parameter of the job file; may be given again"},
	}
}

// sizes, durations and so on of flags that are texts to urfave/cli.
var sizeFlags = []string{"split-size", "max-record", "memory"}

// pathFlags name files.
var pathFlags = []string{"output", "file", "side", "inputs-from"}

// jobFileFields are the flags of a verb that a job file may set.
func jobFileFields(flags []cli.Flag) (fields []jobfile.Field) {
	for _, f := range flags {
		name := longest(f.Names())
		field := jobfile.Field{Name: name, Path: slices.Contains(pathFlags, name), Named: name == "side"}
		if d, ok := f.(cli.DocGenerationFlag); ok {
			field.Usage = strings.ReplaceAll(d.GetUsage(), "`", "")
		}
		switch f.(type) {
		case *cli.BoolFlag:
			field.Kind = jobfile.Bool
		case *cli.IntFlag, *cli.Int64Flag:
			field.Kind = jobfile.Int
		case *cli.DurationFlag:
			field.Kind = jobfile.Duration
		case *cli.StringSliceFlag:
			field.Kind = jobfile.List
		default:
			if slices.Contains(sizeFlags, name) {
				field.Kind = jobfile.Size
			}
		}
		// What concerns one call, not the job; and the inputs by name, which are under inputs.
		if !slices.Contains([]string{flagJobFile, flagSet, "help", "detach", "request-id", "profile", "input"}, name) {
			fields = append(fields, field)
		}
	}
	return fields
}

func longest(names []string) string {
	return slices.MaxFunc(names, func(a, b string) int { return len(a) - len(b) })
}

// subject reads what a call of run or submit is about, from its job file too if it has one. What the file says of flags is
// set as if it had been given, but for those that were.
func (p *program) subject(c *cli.Context) (subject, error) {
	name := c.String(flagJobFile)
	if name == "" {
		if c.IsSet(flagSet) {
			return subject{}, next(errs.New(errs.Invalid, "--set: there is no job file whose parameters these could be"), "name it with -f")
		}
		return subjectOf(c, c.Args().Slice(), p.plugin)
	}
	f, err := readJobFile(c, name)
	if err != nil {
		return subject{}, err
	}
	set := map[string]bool{}
	for _, flag := range c.Command.Flags {
		set[longest(flag.Names())] = slices.ContainsFunc(flag.Names(), c.IsSet)
	}
	for _, s := range f.Settings {
		if set[s.Field.Name] {
			continue
		}
		if err := setFlags(c, s.Field.Name, s.Values); err != nil {
			return subject{}, errs.New(errs.Invalid, "%s: %s: %w", s.At, s.Field.Name, err)
		}
	}
	var plugin []string
	inputs := c.Args().Slice()
	switch {
	case f.Plugin != "":
		plugin = []string{f.Plugin}
	case !byCommands(c) && len(inputs) > 0:
		plugin, inputs = inputs[:1], inputs[1:]
	}
	if len(inputs) == 0 && !set["input"] {
		inputs = f.Inputs
		if err := setFlags(c, "input", f.Named); err != nil {
			return subject{}, errs.New(errs.Invalid, "%s: inputs: %w", name, err)
		}
	}
	args := p.plugin
	if len(args) == 0 {
		args = f.Args
	}
	return subjectOf(c, append(plugin, inputs...), args)
}

// setFlags gives a flag values under all of its names.
func setFlags(c *cli.Context, name string, values []string) error {
	if len(values) == 0 {
		return nil
	}
	i := slices.IndexFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return errs.New(errs.Invalid, "mrctl %s has no --%s", c.Command.Name, name)
	}
	for _, alias := range c.Command.Flags[i].Names() {
		for _, v := range values {
			if err := c.Set(alias, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func readJobFile(c *cli.Context, name string) (jobfile.File, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return jobfile.File{}, errs.E(errs.Invalid, "job file", "", err)
	}
	given := map[string]string{}
	for _, s := range c.StringSlice(flagSet) {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return jobfile.File{}, errs.New(errs.Invalid, "--set %q: it is NAME=VALUE", s)
		}
		given[k] = v
	}
	dir := filepath.Dir(name)
	place := func(path string) string {
		if path == "" || path == stdout || filepath.IsAbs(path) || strings.Contains(path, "://") || strings.HasPrefix(path, "sha256:") {
			return path
		}
		return filepath.Join(dir, path)
	}
	return jobfile.Parse(name, text, jobFileFields(c.Command.Flags), given, place)
}

func (p *program) schemaCommand() *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of job files, for editors",
		Description: `An editor with a YAML language server completes and checks a job file that begins with

  # yaml-language-server: $schema=./mrctl.schema.json

  mrctl schema > mrctl.schema.json`,
		Action: func(c *cli.Context) error {
			if err := needArgs(c, 0, 0); err != nil {
				return err
			}
			fields := jobFileFields(p.runCommand().Flags)
			for _, f := range jobFileFields(p.submitCommand().Flags) {
				if !slices.ContainsFunc(fields, func(g jobfile.Field) bool { return g.Name == f.Name }) {
					fields = append(fields, f)
				}
			}
			b, err := jobfile.Schema(fields)
			if err == nil {
				_, err = p.stdout.Write(b)
			}
			return err
		},
	}
}
