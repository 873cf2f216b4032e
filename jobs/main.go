package jobs

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// Main is the main function of a job, called after its flags are defined. Started by a worker it serves it; run by hand
// it runs the job over the files named, and prints the rows of the result as tsv in key order.
//
// Of several stages each is a job of its own, run one after the other in this order: those after the first read rows of
// earlier ones, by After, and the rows of the last are the result.
func Main(stages ...Stage) {
	if os.Getenv(boundary.Handshake.MagicCookieKey) == boundary.Handshake.MagicCookieValue {
		serve(flag.CommandLine, os.Args[1:], stages)
		return
	}
	os.Exit(byHand(flag.CommandLine, os.Args[1:], stages, os.Stdin, os.Stdout, os.Stderr))
}

// describe parses the flags and compiles the job; what is wrong with either ends up in the description.
func describe(fs *flag.FlagSet, args []string, stages []Stage) (*pluginv1.DescribeResponse, []boundary.Program) {
	about := &pluginv1.DescribeResponse{Protocol: boundary.Protocol, Sdk: "go/" + sdkVersion(), Flags: flagsOf(fs)}
	rest, err := parse(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		about.Invalid = "help was asked for\n" + usage(fs)
	case err != nil:
		about.Invalid = err.Error()
	case len(rest) > 0:
		about.Invalid = fmt.Sprintf("the job takes no arguments but flags; it was given %q", rest)
	}
	if about.Invalid != "" {
		return about, nil
	}
	programs, err := programsOf(stages)
	if err != nil {
		about.Invalid = located(err, placeOfCall()).Error()
		return about, nil
	}
	about.Stages = described(programs)
	return about, programs
}

// parse parses flags that may stand before and after other arguments, which it gives back. After -- nothing is a flag.
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	if fs.Parsed() { // the job's main was there first
		return fs.Args(), nil
	}
	fs.Init(fs.Name(), flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	show := fs.Usage
	fs.Usage = func() {}
	defer func() { fs.Usage = show }()
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if used := args[:len(args)-len(left)]; len(used) > 0 && used[len(used)-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// flagsOf lists the flags of the job, without those of package testing.
func flagsOf(fs *flag.FlagSet) []*pluginv1.Flag {
	var flags []*pluginv1.Flag
	fs.VisitAll(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") {
			return
		}
		b, ok := f.Value.(interface{ IsBoolFlag() bool })
		flags = append(flags, &pluginv1.Flag{Name: f.Name, Usage: f.Usage, DefaultValue: f.DefValue, IsBool: ok && b.IsBoolFlag()})
	})
	return flags
}

// usage is the help of a job that is run by hand.
func usage(fs *flag.FlagSet) string {
	var b strings.Builder
	name := filepath.Base(os.Args[0])
	fmt.Fprintf(&b, "%s is a job for mrctl:\n\n  mrctl run %s INPUT... [-- FLAG...]\n\nBy hand it runs in this process, over files (- is standard input):\n\n"+
		"  %s [FLAG...] FILE...\n\nWhere the job has inputs with names, each is given by its name: --input NAME=INPUT to mrctl, NAME=FILE by hand.\n", name, name, name)
	if len(flagsOf(fs)) > 0 {
		b.WriteString("\nFlags:\n")
		out := fs.Output()
		fs.SetOutput(&b)
		fs.PrintDefaults()
		fs.SetOutput(out)
	}
	return b.String()
}

// sdkVersion is the version of this module in the job's binary.
func sdkVersion() string {
	const path = "github.com/mrctl/mrctl"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Path == path {
		return info.Main.Version
	}
	if i := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == path }); i >= 0 {
		return info.Deps[i].Version
	}
	return "unknown"
}
