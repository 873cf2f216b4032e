package main

import (
	"context"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/streaming"
	"github.com/mrctl/mrctl/storage/output"
)

// commandFlags are the flags of run and submit that make a job of commands instead of a plugin.
func commandFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "map", Usage: "instead of PLUGIN: the shell `COMMAND` that reads lines and writes pairs, key TAB value"},
		&cli.BoolFlag{Name: "map-only", Usage: "what the --map command writes is the result as it is, in the order of the input"},
		&cli.StringFlag{Name: "combine", Usage: "`COMMAND` that makes fewer pairs of sorted pairs before they travel"},
		&cli.StringFlag{Name: "reduce", Usage: "`COMMAND` that reads the sorted pairs of a partition and writes the result"},
		&cli.StringFlag{Name: "fold", Usage: "instead of --reduce: count (how often each line comes), or sum, min, max of the values", DefaultText: "none"},
		&cli.IntFlag{Name: "key-fields", Usage: "the first `N` fields of a line, with tabs between them, are its key", DefaultText: "1"},
		&cli.BoolFlag{Name: "sort-values", Usage: "the values of a key reach --reduce in the order of their bytes"},
		&cli.StringSliceFlag{Name: "file", Usage: "a script or other small `FILE` for the folder that commands run in; may be given again"},
		&cli.StringFlag{Name: "framing", Usage: "lines, or binary (4 bytes of length before each record, key, value and row)", DefaultText: "lines"},
		&cli.StringFlag{Name: "ok-exit", Usage: "exit `CODES` of commands that are no failure, such as 1 for grep", DefaultText: "0"},
	}
}

// byCommandsArg stands for PLUGIN where there is none, in messages.
const byCommandsArg = "of these commands"

// subject is what a call of run or submit is about: a plugin, or commands that this binary serves as one.
type subject struct {
	arg    string   // PLUGIN; "" for commands
	inputs []string // the arguments besides
	args   []string // of the plugin
	// format is the output format where none was asked for; "" is the usual one.
	format output.Format
}

// byCommands reports whether commands take the place of a plugin.
func byCommands(c *cli.Context) bool {
	return slices.ContainsFunc([]string{"map", "map-only", "combine", "reduce", "fold", "framing", "ok-exit", "file", "key-fields", "sort-values"}, c.IsSet)
}

// subjectOf reads what the call is about. words are its arguments, args is what followed "--".
func subjectOf(c *cli.Context, words, args []string) (subject, error) {
	if !byCommands(c) {
		if len(words) == 0 {
			return subject{}, needArgs(c, 1, -1)
		}
		return subject{arg: words[0], inputs: words[1:], args: args}, nil
	}
	if len(args) > 0 {
		return subject{}, next(errs.New(errs.Invalid, "%s: there is no plugin that %q could be for", c.Command.Name, args[0]),
			"arguments of a command belong into the command: --map 'grep -v x'")
	}
	if c.IsSet("record-timeout") {
		return subject{}, next(errs.New(errs.Invalid, "--record-timeout: when a command is done with a record is not known"),
			"--attempt-timeout bounds the attempt")
	}
	cfg := streaming.Config{Map: c.String("map"), Combine: c.String("combine"), Reduce: c.String("reduce"),
		Fold: c.String("fold"), Framing: c.String("framing"), MapOnly: c.Bool("map-only"),
		KeyFields: c.Int("key-fields"), SortValues: c.Bool("sort-values")}
	if c.IsSet("key-fields") && cfg.KeyFields == 0 {
		cfg.KeyFields = -1 // refused as any number that is none of fields
	}
	var err error
	if cfg.Files, err = streaming.ReadFiles(c.StringSlice("file")); err != nil {
		return subject{}, err
	}
	if codes := c.String("ok-exit"); codes != "" {
		if cfg.OKExit, err = streaming.ParseCodes(codes); err != nil {
			return subject{}, err
		}
	}
	s := subject{inputs: words}
	if given := c.String("output-format"); cfg.Fold == "" {
		if given == "" {
			s.format = output.Records
		}
		cfg.Columns = given != "" && output.Format(given) != output.Records
	}
	s.args = cfg.Args()
	return s, cfg.Check()
}

// resolve says what the plugin is, and has a binary made of it for this machine.
func (s subject) resolve(ctx context.Context, p *program, scratch string) (*plugin, error) {
	if s.arg != "" {
		return resolvePlugin(ctx, s.arg, scratch, p.stderr)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, errs.E(errs.Other, "find this program", "", err)
	}
	return &plugin{arg: byCommandsArg, scratch: scratch, binaries: map[string]string{here: self}}, nil
}
