package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/mrctl/mrctl/integration/bench/harness"
	"github.com/mrctl/mrctl/integration/bench/report"
)

// measureAll runs the chosen cases, prints and saves what they came to, and compares it with the baseline.
func measureAll(ctx context.Context, c config, k *kit, chosen []entry, stdout io.Writer) error {
	all := report.Report{
		When: time.Now().UTC().Truncate(time.Second), Commit: commit(ctx), Machine: processor(), Cores: runtime.NumCPU(),
		Size: c.size, Memory: c.memory, Slots: c.slots, Quiet: c.quiet,
	}
	failed := 0
	for _, e := range chosen {
		r, err := measureOne(ctx, c, k, e)
		if err != nil {
			return err
		}
		if r.Error != "" {
			failed++
			fmt.Fprintf(k.log, "%s: %s\n", e.name, r.Error)
		} else if r.Watched && r.MemoryRatio() > 1 {
			failed++
		}
		all.Results = append(all.Results, r)
	}
	if err := all.Table(stdout); err != nil {
		return err
	}
	if c.json != "" {
		if err := all.Save(c.json); err != nil {
			return err
		}
	}
	if c.check != "" {
		base, err := report.Load(c.check)
		if err != nil {
			return fmt.Errorf("the baseline: %w", err)
		}
		worse := report.Check(base, all, c.tolerance, func(name string) bool {
			return slices.ContainsFunc(chosen, func(e entry) bool { return e.name == name })
		})
		if len(worse) > 0 {
			return fmt.Errorf("worse than the baseline by more than %.0f %%:\n%s", c.tolerance*100, strings.Join(worse, "\n"))
		}
		fmt.Fprintf(stdout, "\nnothing is worse than the baseline by more than %.0f %%\n", c.tolerance*100)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, len(chosen))
	}
	return nil
}

// measureOne measures a case. An error means that ctx has ended; all else is in the result.
func measureOne(ctx context.Context, c config, k *kit, e entry) (report.Result, error) {
	failed := report.Result{Row: e.row, Case: e.name, Title: e.title}
	if err := k.begin(); err != nil {
		failed.Error = err.Error()
		return failed, ctx.Err()
	}
	built, done, err := e.build(ctx, k)
	if err != nil {
		failed.Error = err.Error()
		return failed, ctx.Err()
	}
	built.Row, built.Name, built.Title = e.row, e.name, e.title
	r, err := harness.Run(ctx, built, harness.Options{Runs: c.runs, Quiet: c.quiet, Scratch: k.scratch, Log: k.log})
	if done != nil {
		err = errors.Join(err, done())
	}
	return r, err
}

// commit names the tree that is measured; "" where git does not know.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// processor names the machine's.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}
