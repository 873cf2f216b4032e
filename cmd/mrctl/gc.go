package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
)

// How much history of runs is kept unless told otherwise. Each run trims to it.
const (
	keepRuns = 50
	keepFor  = 30 * 24 * time.Hour
)

func (p *program) gcCommand() *cli.Command {
	return &cli.Command{
		Name:  "gc",
		Usage: "remove old runs from this machine",
		Description: `Removes what "mrctl run" keeps in the cache folder: records, logs, and results that were only printed. Output
folders that you named are never touched, nor is a run that goes on. What a cluster leaves in its store is removed by its leader.

  mrctl gc
  mrctl gc --keep 0 --dry-run`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "keep", Value: keepRuns, Usage: "keep the `N` newest"},
			&cli.DurationFlag{Name: "older-than", Value: keepFor, Usage: "remove those older than `TIME`, such as 48h", DefaultText: "720h"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be removed"},
		},
		Action: p.gc,
	}
}

func (p *program) gc(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	if c.String(flagStore) != "" {
		return errs.New(errs.Invalid, "gc: --store names a cluster, whose leader removes what nobody owns; gc is for this machine")
	}
	if c.Int("keep") < 0 {
		return errs.New(errs.Invalid, "gc: --keep %d is negative", c.Int("keep"))
	}
	removed, err := trimRuns(c.Int("keep"), time.Now().Add(-c.Duration("older-than")), c.Bool("dry-run"))
	for _, r := range removed {
		if c.Bool(flagJSON) {
			if err := printJSON(p.stdout, map[string]any{"id": r.id, "bytes": r.size}); err != nil {
				return err
			}
		} else if _, err := fmt.Fprintf(p.stdout, "%s\t%s\n", r.id, showSize(uint64(r.size))); err != nil {
			return err
		}
	}
	return err
}

// trimRuns removes runs beyond the newest keep and those made before a moment, but none that goes on.
func trimRuns(keep int, before time.Time, dryRun bool) ([]pastRun, error) {
	runs, err := pastRuns()
	if err != nil {
		return nil, err
	}
	var removed []pastRun
	for i, r := range runs {
		if i < keep && r.made.After(before) {
			continue
		}
		unlock, err := r.lock()
		if err != nil {
			continue // it goes on
		}
		r.size = sizeOf(r.dir)
		if !dryRun {
			err = os.RemoveAll(r.dir)
		}
		unlock()
		if err != nil {
			return removed, err
		}
		removed = append(removed, r)
	}
	return removed, nil
}

// sizeOf adds up the files of a folder, as far as they can be seen.
func sizeOf(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
