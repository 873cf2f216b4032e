package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/coordinator/gc"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/tempdir"
)

// How much history of runs is kept unless told otherwise. Each run trims to it.
const (
	keepRuns = 50
	keepFor  = 30 * 24 * time.Hour
	// keepPlugins is how many of the newest runs keep the plugin of a job that failed: one is some 15 MB.
	keepPlugins = 10
)

func (p *program) gcCommand() *cli.Command {
	return &cli.Command{
		Name:  "gc",
		Usage: "remove what is not needed any more, from this machine or from a cluster's store",
		Description: `Without --store: what "mrctl run" keeps in the cache folder (records, logs, and results that were only printed), and the
scratch of runs and workers that were killed. Output folders that you named are never touched, nor is what goes on.

With --store: what nobody owns any more in the store of a cluster, and parts that jobs wrote and never published. The
leader does the same once an hour, so this is for those in a hurry, and for clusters that are off. Nothing of a live job
is touched, nothing that a manifest names, and no result that lies with its job.

  mrctl gc
  mrctl gc --keep 0 --dry-run
  mrctl gc --store s3://cluster/mrctl --dry-run
  mrctl gc --store s3://cluster/mrctl --older-than 24h`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "keep", Value: keepRuns, Usage: "of this machine's runs, keep the `N` newest"},
			&cli.DurationFlag{Name: "older-than", Value: keepFor, Usage: "remove runs and jobs that ended longer than `TIME` ago, such as 48h", DefaultText: "720h"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be removed, and why"},
		},
		Action: p.gc,
	}
}

func (p *program) gc(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	if c.Int("keep") < 0 {
		return errs.New(errs.Invalid, "gc: --keep %d is negative", c.Int("keep"))
	}
	if c.Duration("older-than") < 0 {
		return errs.New(errs.Invalid, "gc: --older-than %v is negative", c.Duration("older-than"))
	}
	if c.String(flagStore) != "" {
		if c.IsSet("keep") {
			return errs.New(errs.Invalid, "gc: --keep is for the runs of this machine; of a cluster's jobs --older-than says which go")
		}
		return p.gcStore(c)
	}
	removed, err := trimRuns(c.Int("keep"), time.Now().Add(-c.Duration("older-than")), c.Bool("dry-run"))
	scratch, scratchErr := trimLocal(c.Bool("dry-run"))
	removed, err = append(removed, scratch...), errors.Join(err, scratchErr)
	for _, r := range removed {
		if c.Bool(flagJSON) {
			line := map[string]any{"id": r.id, "bytes": r.size}
			if r.why != "" {
				line["why"] = r.why
			}
			if err := printJSON(p.stdout, line); err != nil {
				return err
			}
		} else if _, err := fmt.Fprintln(p.stdout, strings.TrimSuffix(r.id+"\t"+showSize(uint64(r.size))+"\t"+r.why, "\t")); err != nil {
			return err
		}
	}
	return err
}

// gcStore removes what nobody owns in a cluster's store.
func (p *program) gcStore(c *cli.Context) error {
	cl, err := openCluster(c)
	if err != nil {
		return err
	}
	defer cl.close()
	cfg := gc.Config{Store: cl.store, Places: cl.resolver, ReadOnly: c.Bool("dry-run")}
	if age := c.Duration("older-than"); c.IsSet("older-than") {
		// An age of 0 is not the default but the least there is.
		age = max(age, 1)
		cfg.Limits = gc.Limits{History: age, Plugins: age, Work: min(age, gc.DefaultWork), Staged: min(age, gc.DefaultStaged),
			Orphans: min(age, gc.DefaultOrphans), Runs: min(age, time.Hour)}
	}
	var all []error
	for item, err := range gc.Find(c.Context, cfg) {
		if err == nil && !c.Bool("dry-run") {
			err = item.Remove(c.Context, 0)
		}
		if err != nil {
			all = append(all, err)
			continue
		}
		if item.Objects == 0 {
			continue
		}
		if c.Bool(flagJSON) {
			err = printJSON(p.stdout, item)
		} else {
			_, err = fmt.Fprintf(p.stdout, "%s\t%s\t%d\t%s\t%s\n", item.Kind, item.Where, item.Objects, showSize(uint64(item.Bytes)), item.Why)
		}
		if err != nil {
			return err
		}
	}
	return cl.storeError(errors.Join(all...))
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

// trimPlugins removes the plugins that all but the newest runs keep.
func trimPlugins(keep int) error {
	runs, err := pastRuns()
	if err != nil {
		return err
	}
	for _, r := range runs[min(keep, len(runs)):] {
		if _, err := os.Stat(r.plugins()); err != nil {
			continue // it has none
		}
		unlock, err := r.lock()
		if err != nil {
			continue // it goes on
		}
		err = os.RemoveAll(r.plugins())
		unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// trimLocal removes what processes of this machine left that were killed: the scratch of runs, and that of workers.
func trimLocal(dryRun bool) ([]pastRun, error) {
	root, err := home()
	if err != nil {
		return nil, err
	}
	removed, err := trimScratch(filepath.Join(root, "scratch"), time.Now(), dryRun)
	if err != nil {
		return removed, err
	}
	err = tempdir.Abandoned(func(path string) error {
		gone := pastRun{id: path, dir: path, why: "its process was killed"}
		removed = append(removed, gone)
		return removed[len(removed)-1].remove(dryRun)
	})
	if err != nil {
		return removed, err
	}
	runs, err := pastRuns()
	if err != nil {
		return removed, err
	}
	for _, r := range runs {
		gone := pastRun{id: r.id + "/scratch", dir: r.scratch(), made: r.made, why: "its run was killed"}
		if _, err := os.Stat(gone.dir); err != nil {
			continue
		}
		unlock, err := r.lock()
		if err != nil {
			continue // it goes on
		}
		err = gone.remove(dryRun)
		unlock()
		if err != nil {
			return removed, err
		}
		removed = append(removed, gone)
	}
	return removed, nil
}

// Scratch that nobody named is a folder called so, with a lock in it that its worker holds. A new one may not be locked yet.
const (
	workerPrefix = "worker-"
	lockWithin   = time.Minute
)

// trimScratch removes the scratch of workers that were killed.
func trimScratch(base string, now time.Time, dryRun bool) (removed []pastRun, err error) {
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || !strings.HasPrefix(e.Name(), workerPrefix) || now.Sub(info.ModTime()) < lockWithin {
			continue
		}
		gone := pastRun{id: "scratch/" + e.Name(), dir: filepath.Join(base, e.Name()), made: info.ModTime(), why: "its worker was killed"}
		unlock := func() {}
		lock := filepath.Join(gone.dir, "lock")
		if _, err := os.Stat(lock); err == nil {
			if unlock, err = lockFile(lock); err != nil {
				continue // it works
			}
		} // else its worker was killed before it made one
		err = gone.remove(dryRun)
		unlock()
		if err != nil {
			return removed, err
		}
		removed = append(removed, gone)
	}
	return removed, nil
}

// remove measures a folder and, unless it is only to be said, removes it.
func (r *pastRun) remove(dryRun bool) error {
	r.size = sizeOf(r.dir)
	if dryRun {
		return nil
	}
	return os.RemoveAll(r.dir)
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
