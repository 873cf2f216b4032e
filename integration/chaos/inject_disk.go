package chaos

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/stage"
	"github.com/mrctl/mrctl/integration/cluster"
)

// strikeDisk does harm to a worker's scratch.
func (r *run) strikeDisk(ctx context.Context, f plan.Fault) (mend func(), err error) {
	if f.Kind == plan.FullDisk {
		n, err := r.victim(ctx, f)
		if err != nil {
			return nil, err
		}
		r.happened("%s: %s", f.Kind, n.Name)
		return r.stage.Fill(n)
	}
	path := r.runFile(ctx, f)
	if path == "" {
		return nil, errNothing
	}
	name, err := filepath.Rel(r.stage.Dir, path)
	if err != nil {
		return nil, err
	}
	r.happened("%s: %s", f.Kind, name)
	switch f.Kind {
	case plan.FlipRun:
		return nil, flipBit(path, f.Dose)
	case plan.CutRun:
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		return nil, os.Truncate(path, info.Size()/2)
	default:
		return nil, os.Remove(path)
	}
}

// runFile waits for a finished map's run on the first worker, from a chosen one on, that has one.
func (r *run) runFile(ctx context.Context, f plan.Fault) (path string) {
	_ = cluster.Until(ctx, "a run", func() (bool, error) { // none is an answer
		for i := range r.stage.Workers {
			found := runsOf(r.stage.Workers[(f.Pick+i)%len(r.stage.Workers)])
			if len(found) > 0 {
				path = found[f.Pick%len(found)]
				return true, nil
			}
		}
		return r.isOver(), nil
	})
	return path
}

// runsOf lists the runs of the maps that a worker holds.
func runsOf(n *stage.Node) []string {
	found, _ := filepath.Glob(filepath.Join(n.Scratch, "work/jobs/*/map-*/run")) // the pattern is a good one
	return found
}

// flipBit turns the lowest bit of a byte over, at a share of the file.
func flipBit(path string, at float64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	var b [1]byte
	off := int64(at * float64(info.Size()-1))
	if _, err := f.ReadAt(b[:], off); err != nil {
		return errors.Join(err, f.Close())
	}
	b[0] ^= 1
	_, err = f.WriteAt(b[:], off)
	return errors.Join(err, f.Close())
}
