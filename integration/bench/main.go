// Command bench compares mrctl with other ways to the same answers: the best programs we can write without a framework,
// GNU sort, mawk, DuckDB, and itself in other circumstances. See table.go for the cases and package harness for how they
// are measured.
//
//	go run ./integration/bench                          the usual cases on 1 GB, 5 rounds
//	go run ./integration/bench -size 1e8 -runs 3        sooner
//	go run ./integration/bench -cases wc-words,sort     some of them; "all" has the slow ones too
//	go run ./integration/bench -list                    what there is
//	go run ./integration/bench -json now.json -check integration/bench/baseline.json
//
// It prints a table of ratios. The exit code is 1 when a case failed, its answers differ, or -check finds a ratio worse.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// config is the command line.
type config struct {
	size      int64
	cases     string
	runs      int
	seed      uint64
	memory    string
	slots     int
	quiet     float64
	slow      bool
	list      bool
	mrctl     string
	cache     string
	scratch   string
	json      string
	check     string
	tolerance float64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong usage") // the flag package has said what

func parse(args []string, stderr io.Writer) (c config, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	size := fs.String("size", "1e9", "`bytes` of a case's usual input")
	fs.StringVar(&c.cases, "cases", "", "the `names` to run, with commas; all for every one (default: those that are not slow)")
	fs.IntVar(&c.runs, "runs", 5, "rounds that count")
	fs.Uint64Var(&c.seed, "seed", 0, "of the data")
	fs.StringVar(&c.memory, "memory", "1GiB", "--memory for mrctl, -S for sort")
	fs.IntVar(&c.slots, "slots", 2, "--slots for mrctl")
	fs.Float64Var(&c.quiet, "quiet", 0.15, "take a round again while other processes use more `cores` than this; 0: never")
	fs.BoolVar(&c.slow, "slow", false, "run slow rivals too, for information")
	fs.BoolVar(&c.list, "list", false, "list the cases")
	fs.StringVar(&c.mrctl, "mrctl", "", "a built mrctl (default: builds this tree's)")
	fs.StringVar(&c.cache, "cache", "", "where inputs are kept (default: mrctl-bench in the user's cache folder)")
	fs.StringVar(&c.scratch, "scratch", "", "where results and scratch go (default: /dev/shm where it has room, else the temporary folder)")
	fs.StringVar(&c.json, "json", "", "write the figures to `FILE`")
	fs.StringVar(&c.check, "check", "", "compare with the baseline in `FILE`")
	fs.Float64Var(&c.tolerance, "tolerance", 0.10, "how much worse a ratio may be than in the baseline")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, errUsage
	}
	n, err := strconv.ParseFloat(*size, 64) // 1e9 is a size
	if err != nil || n < 1e5 || n > 1e13 || c.runs < 1 || fs.NArg() > 0 {
		fmt.Fprintf(stderr, "bench: -size %s -runs %d %q: a size from 1e5 to 1e13, one round at least and no arguments\n", *size, c.runs, fs.Args())
		return c, errUsage
	}
	c.size = int64(n)
	return c, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if c.list {
		for _, e := range table {
			fmt.Fprintf(stdout, "%-14s %s\n", e.name, e.title)
		}
		return nil
	}
	chosen, err := choose(c.cases)
	if err != nil {
		return err
	}
	if c.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		c.cache = filepath.Join(dir, "mrctl-bench")
	}
	k, err := newKit(c, chosen, stderr)
	if err != nil {
		return err
	}
	defer k.close()
	return measureAll(ctx, c, k, chosen, stdout)
}

// choose gives the cases of a list of names.
func choose(names string) ([]entry, error) {
	switch names {
	case "all":
		return table, nil
	case "":
		return slices.DeleteFunc(slices.Clone(table), func(e entry) bool { return e.slow }), nil
	}
	var chosen []entry
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(table, func(e entry) bool { return e.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no case %q; -list shows what there is", name)
		}
		chosen = append(chosen, table[i])
	}
	return chosen, nil
}
