package replay

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/pluginhost"
	"github.com/mrctl/mrctl/worker/reduceside"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// here is the holder of runs that were made again.
const here = "replay"

// replayReduce runs a reduce attempt over the runs of its partition: those that lie in the store, and what maps leave that
// are run again.
func (r *replay) replayReduce(ctx context.Context, out *printed) (_ Result, err error) {
	span, err := r.span(ctx)
	if err != nil {
		return Result{}, err
	}
	stored, err := r.stored(ctx)
	if err != nil {
		return Result{}, err
	}
	r.say("runs of %d maps: %d from the store, %d made again", len(r.extents), len(stored), len(r.extents)-len(stored))
	made, err := r.makeRuns(ctx, stored, span)
	if err != nil {
		return Result{}, err
	}
	sources := reduceside.NewSources(len(r.extents))
	if err := sources.Add(sourcesOf(stored, made), nil); err != nil {
		return Result{}, err
	}
	vault := shuffle.NewVault(r.cfg.Store, func(string, int) int { return r.head.Partitions })
	fetch := shuffle.NewClient(shuffle.Config{
		Worker: here,
		Lookup: func(_ string, _, task, _ uint32) (string, bool) { m, ok := made[int(task)]; return m.path, ok },
		Routes: func(string) ([]shuffle.Route, error) { return []shuffle.Route{vault}, nil },
	})
	var process *pluginhost.Process
	var stream *boundary.ReduceStream
	defer func() {
		stream.Close()
		if process != nil {
			err = errors.Join(err, process.Close())
		}
	}()
	began := time.Now()
	res, err := reduceside.Run(ctx, reduceside.Task{
		ID: r.attemptID(sessionv1.AttemptID_PHASE_REDUCE, r.task.Index), Job: r.spec, Stage: r.stage, Sources: sources, Span: span,
		Partitions: r.head.Partitions, Memory: r.cfg.Memory, Scratch: filepath.Join(r.cfg.Scratch, "reduce"),
	}, reduceside.Deps{
		Fetch: fetch,
		Part:  out.result, Named: out.output(r.stage),
		Reduce: func(ctx context.Context, start *pluginv1.ReduceStart) (_ reduceside.Reducer, err error) {
			if start.Sides, err = r.bringSides(ctx); err != nil {
				return nil, err
			}
			if process, err = r.start(ctx, true); err != nil {
				return nil, err
			}
			began = time.Now() // whoever debugs may have waited long
			stream, err = process.Reduce(ctx, start)
			return stream, err
		},
	})
	var gone *shuffle.MissingError
	if errors.As(err, &gone) {
		err = errs.New(errs.NotFound, "replay %s: runs went from the store meanwhile, so the job has ended; replay it once more and its maps are run again (%v)",
			r.task, err)
	}
	if err == nil && process == nil && r.cfg.Debug != nil {
		r.say("there was nothing to debug: workers reduce by themselves in this job")
	}
	return Result{res.Tally, time.Since(began)}, err
}

// span is the range of keys of the reduce; nil where its partition is one of hashes.
func (r *replay) span(ctx context.Context) (*runs.Span, error) {
	if r.ordered() == 0 {
		return nil, nil
	}
	cuts, err := ledger.ReadCuts(ctx, r.cfg.Store, r.task.Job, r.task.Stage)
	if errs.Is(err, errs.NotFound) {
		return nil, errs.New(errs.NotFound,
			"replay %s: where the keys are cut is not known: that is decided when all maps are done, and kept for a week after the job's end", r.task)
	}
	if err != nil {
		return nil, err
	}
	low, high, err := cuts.Bounds(r.task.Index)
	return &runs.Span{Part: r.task.Index, Low: low, High: high}, err
}

// run is the output of a map attempt.
type run struct {
	attempt int32
	digest  []byte
	path    string // of one that was made again
}

// stored finds the runs that lie in the store, by map task: that which the task's winner consumed, where there is one, else
// the latest.
func (r *replay) stored(ctx context.Context) (map[int]run, error) {
	if r.cfg.Rebuilt {
		return nil, nil // what other code made says nothing of this one's
	}
	list, err := ledger.StoredRuns(ctx, r.cfg.Store, r.task.Job, r.task.Stage)
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", r.task, err)
	}
	won, err := ledger.ReadTask(ctx, r.cfg.Store, r.task.Job, r.task.Stage, ledger.Reduce, r.rec.Gen, r.task.Index)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return nil, fmt.Errorf("replay %s: %w", r.task, err)
	}
	all := map[int]run{}
	for _, s := range list {
		if s.Task >= len(r.extents) || s.End != r.extents[s.Task].To {
			continue
		}
		digest, err := hex.DecodeString(s.Digest)
		if err != nil {
			return nil, errs.E(errs.Corrupt, "replay "+r.task.String(), s.Key(), err)
		}
		old, known := all[s.Task]
		consumed := s.Task < len(won.Inputs)
		if !known || consumed && won.Inputs[s.Task].Attempt == s.Attempt || !consumed && s.Attempt > old.attempt {
			all[s.Task] = run{attempt: s.Attempt, digest: digest}
		}
	}
	return all, nil
}

// sourcesOf tells a reduce where its runs lie.
func sourcesOf(stored, made map[int]run) []*sessionv1.Source {
	var list []*sessionv1.Source
	for holder, of := range map[string]map[int]run{ledger.InStore: stored, here: made} {
		s := &sessionv1.Source{Worker: holder, Addr: holder}
		for task, m := range of {
			s.Tasks, s.Attempts, s.Digests = append(s.Tasks, uint32(task)), append(s.Attempts, uint32(m.attempt)), append(s.Digests, m.digest)
		}
		if len(s.Tasks) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// laneProcesses starts the plugin so many times.
func (r *replay) laneProcesses(ctx context.Context, lanes int) (list []*pluginhost.Process, err error) {
	for range lanes {
		p, err := r.start(ctx, false)
		if err != nil {
			for _, p := range list {
				err = errors.Join(err, p.Close())
			}
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// makeRuns runs the maps whose runs do not lie in the store, and keeps what is of the partition alone.
func (r *replay) makeRuns(ctx context.Context, stored map[int]run, span *runs.Span) (map[int]run, error) {
	made := map[int]run{}
	lanes := min(r.cfg.Slots, len(r.extents)-len(stored))
	if lanes == 0 {
		return made, nil
	}
	if _, err := r.bringSides(ctx); err != nil { // once for all lanes
		return nil, err
	}
	processes, err := r.laneProcesses(ctx, lanes)
	if err != nil {
		return nil, err
	}
	plans, tasks := dataset.NewPlans(r.cfg.Store), make(chan int, len(r.extents))
	for i := range r.extents {
		if _, here := stored[i]; !here {
			tasks <- i
		}
	}
	close(tasks)
	keep := ofPartition(r.task.Index, r.head.Partitions)
	if span != nil {
		keep = ofSpan(span)
	}
	var mu sync.Mutex // for made
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range processes {
		g.Go(func() (err error) {
			m := &oneMap{replay: r, process: p, keep: keep}
			defer func() { err = errors.Join(err, m.close()) }()
			for m.index = range tasks {
				if err := context.Cause(ctx); err != nil {
					return err
				}
				if m.split, err = r.split(ctx, plans, m.index); err != nil {
					return fmt.Errorf("run %s/%d again: %w", ledger.StepName(r.task.Stage, ledger.Map), m.index, err)
				}
				m.skip = nil
				res, err := m.run(ctx, nil)
				if err != nil {
					return fmt.Errorf("run %s/%d again: %w", ledger.StepName(r.task.Stage, ledger.Map), m.index, err)
				}
				mu.Lock()
				made[m.index] = run{digest: res.Digest[:], path: res.RunPath}
				mu.Unlock()
			}
			return nil
		})
	}
	return made, g.Wait()
}
