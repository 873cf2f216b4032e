package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// What "mrctl run" leaves behind is a folder for each run, named by the job's id:
//
//	<cache>/mrctl/runs/<id>/store     records and, where no output was named, the result; of a job that failed its plugin
//	<cache>/mrctl/runs/<id>/log       what coordinator and worker logged
//	<cache>/mrctl/runs/<id>/lock      locked while the run goes on
//	<cache>/mrctl/runs/<id>/scratch   while it goes on: runs, spills, what was built

// home is the folder below the user's cache folder that holds all of mrctl's.
func home() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", next(errs.E(errs.Invalid, "find the cache folder", "", err), "set HOME or XDG_CACHE_HOME")
	}
	return filepath.Join(cache, "mrctl"), nil
}

// pastRun is the folder of a run, which may go on still.
type pastRun struct {
	id   string
	dir  string
	made time.Time
	size int64  // bytes, where it was asked for
	why  string // it goes, where that is not its age
}

func (r pastRun) store() string   { return filepath.Join(r.dir, "store") }
func (r pastRun) plugins() string { return filepath.Join(r.store(), "plugins") }
func (r pastRun) scratch() string { return filepath.Join(r.dir, "scratch") }

// pastRuns lists the runs on this machine, the newest first.
func pastRuns() ([]pastRun, error) {
	root, err := home()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(root, "runs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var runs []pastRun
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || !ledger.ValidJobID(e.Name()) {
			continue // removed just now, or none of ours
		}
		runs = append(runs, pastRun{id: e.Name(), dir: filepath.Join(root, "runs", e.Name()), made: info.ModTime()})
	}
	slices.SortFunc(runs, func(a, b pastRun) int { return b.made.Compare(a.made) })
	return runs, nil
}

// lock makes the run this process's until unlock. One that goes on elsewhere is errs.Conflict.
func (r pastRun) lock() (unlock func(), err error) { return lockFile(filepath.Join(r.dir, "lock")) }

// lockFile takes a lock that the kernel gives back when the process ends, however that happens.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, errs.New(errs.Conflict, "%s: it is in use by another process", filepath.Dir(path))
	}
	return func() { _ = f.Close() }, nil // the lock goes with it
}

// listRuns gives the jobs of "mrctl run" on this machine, the newest first.
func (p *program) listRuns(c *cli.Context, limit int, live bool) ([]*controlv1.JobStatus, error) {
	runs, err := pastRuns()
	if err != nil {
		return nil, err
	}
	var list []*controlv1.JobStatus
	for _, r := range runs {
		if len(list) == limit {
			break
		}
		s, err := r.status(c)
		if errs.Is(err, errs.NotFound) {
			continue // it ended before it had a job
		}
		if err != nil {
			fmt.Fprintf(p.stderr, "run %s: %v\n", r.id, err)
			continue
		}
		if !live || !terminal(s) {
			list = append(list, s)
		}
	}
	return list, nil
}

// status reads how the job of a run stands. One whose process is gone has failed, whatever its record says.
func (r pastRun) status(c *cli.Context) (*controlv1.JobStatus, error) {
	if _, err := os.Stat(r.store()); err != nil {
		return nil, errs.E(errs.NotFound, "", "", err)
	}
	cl, err := openStore(c, r.store())
	if err != nil {
		return nil, err
	}
	defer cl.close()
	job, err := ledger.ReadJob(c.Context, cl.store, r.id)
	if err != nil {
		return nil, err
	}
	s := statusOf(job)
	if unlock, err := r.lock(); err == nil {
		defer unlock()
		if !terminal(s) {
			s.Phase, s.Error = controlv1.JobStatus_PHASE_FAILED, "the process of this run ended before the job did"
		}
	}
	return s, nil
}

// openRun finds the run whose job's id begins with prefix, and opens its store.
func (p *program) openRun(c *cli.Context, prefix string) (*cluster, string, error) {
	runs, err := pastRuns()
	if err != nil {
		return nil, "", err
	}
	var found []pastRun
	for _, r := range runs {
		if prefix != "" && strings.HasPrefix(r.id, prefix) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, "", next(errs.New(errs.NotFound, "job %q: no run on this machine has an id like this", prefix),
			"mrctl jobs lists them; for a job on a cluster, name its store with --store")
	case 1:
		cl, err := openStore(c, found[0].store())
		return cl, found[0].id, err
	}
	return nil, "", errs.New(errs.Invalid, "job %q: it could be %s or %s", prefix, found[0].id, found[1].id)
}
