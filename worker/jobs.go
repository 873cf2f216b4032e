package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/prefix"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// stageKey names a stage of a job.
type stageKey struct {
	job   string
	stage int
}

// job is what a worker knows of a stage of a job it works for: its spec (see stages.Of) and plan, read once, and its plugin
// process.
type job struct {
	id      string
	stageNo int // counted from 0
	spec    spec.Job
	head    dataset.Head
	stage   *pluginv1.Stage
	scratch string
	out     storage.Store

	files sideFiles

	ready chan struct{} // closed when the fields above, or err, are set
	err   error

	mu      sync.Mutex
	cuts    *ledger.Cuts        // guarded by mu; nil until a reduce needs them
	process *pluginhost.Process // guarded by mu; nil until the first attempt needs it
	over    bool                // guarded by mu; released
}

// job gives the state of a stage of a job, reading it at the first call. A failed read is tried again by the next attempt.
func (a *Agent) job(ctx context.Context, id string, stage int) (*job, error) {
	key := stageKey{id, stage}
	a.mu.Lock()
	j := a.jobs[key]
	mine := j == nil
	if mine {
		// The scratch of a stage may still be being removed when the next one begins.
		j = &job{id: id, stageNo: stage, ready: make(chan struct{}), files: newSideFiles(), scratch: filepath.Join(a.cfg.Scratch, "jobs", fmt.Sprintf("%s-%d", id, stage))}
		a.jobs[key] = j
	}
	a.mu.Unlock()
	if mine {
		j.err = a.read(ctx, j)
		if j.err != nil {
			a.mu.Lock()
			if a.jobs[key] == j { // else it has been released, and perhaps read again
				delete(a.jobs, key)
			}
			a.mu.Unlock()
		}
		close(j.ready)
	}
	select {
	case <-j.ready:
		return j, j.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *Agent) read(ctx context.Context, j *job) error {
	rec, err := ledger.ReadJob(ctx, a.cfg.Store, j.id)
	if err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	if j.spec, err = stages.Of(rec.Spec.WithDefaults(), j.id, j.stageNo); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	if j.head, err = a.plans.Head(ctx, ledger.StageID(j.id, j.stageNo)); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	j.stage = &pluginv1.Stage{}
	if err := proto.Unmarshal(j.head.Stage, j.stage); err != nil {
		return errs.E(errs.Corrupt, "read plan", "stage", err)
	}
	j.out, err = stages.Output(a.cfg.Store, rec.Spec, j.id, j.stageNo, func() (storage.Store, error) {
		if j.spec.Output == "" {
			return prefix.New(a.cfg.Store, ledger.OutputFolder(j.id)), nil
		}
		return a.cfg.Resolver.Output(j.spec.Output)
	})
	return err
}

// plugin gives the job's running plugin, starting it when there is none or the last one died.
func (a *Agent) plugin(ctx context.Context, j *job) (*pluginhost.Process, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if ctx.Err() != nil { // while it waited for its turn
		return nil, context.Cause(ctx)
	}
	if j.over {
		return nil, errs.New(errs.Canceled, "job %s has been released", j.id)
	}
	if j.process != nil {
		if dead, _ := j.process.Exited(); !dead {
			return j.process, nil
		}
		if err := j.process.Close(); err != nil {
			a.log.Debug("close a dead plugin", zap.Error(err)) // its death has been reported by the attempts it ran
		}
		j.process = nil
	}
	if a.cfg.InProcess != nil {
		p, err := pluginhost.InProcess(ctx, a.cfg.InProcess)
		j.process = p
		return p, err
	}
	p, err := a.startPlugin(ctx, j, pluginhost.Spec{Scratch: filepath.Join(j.scratch, "plugin"), Slots: a.cfg.Slots,
		Profile: pluginhost.ProfileIn(a.cfg.Profile)})
	if err != nil {
		return nil, err
	}
	j.process = p
	return p, nil
}

// release forgets a job: its attempts, its plugin, its runs.
func (a *Agent) release(id string) {
	a.mu.Lock()
	var of []*job // one, but where a stage has been released before all of it was read
	for k, j := range a.jobs {
		if k.job == id {
			of = append(of, j)
			delete(a.jobs, k)
		}
	}
	var ending []*attempt
	for k, at := range a.attempts {
		if k.job == id {
			at.released = true
			at.stop(errStopped)
			ending = append(ending, at)
			delete(a.attempts, k)
		}
	}
	for k := range a.reports {
		if k.job == id {
			delete(a.reports, k)
		}
	}
	for k := range a.held {
		if k.job == id {
			delete(a.held, k)
		}
	}
	a.mu.Unlock()
	a.vault.Forget(id)
	for _, j := range of {
		a.work.Go(func() {
			if err := a.closeJob(j, ending); err != nil {
				a.log.Warn("scratch left behind", zap.String("job", id), zap.Error(err)) // swept when the worker ends
			}
		})
	}
}

// closeJob ends a job's plugin and removes its scratch, once the attempts that are ending write to it no more.
func (a *Agent) closeJob(j *job, ending []*attempt) error {
	<-j.ready
	j.mu.Lock()
	j.over = true
	p := j.process
	j.process = nil
	j.mu.Unlock()
	var err error
	if p != nil {
		err = p.Close()
	}
	for _, at := range ending {
		<-at.ended
	}
	a.shelf.Drop(j.scratch)
	return errors.Join(err, os.RemoveAll(j.scratch))
}

func (a *Agent) closeJobs() error {
	a.mu.Lock()
	left := a.jobs
	a.jobs = map[stageKey]*job{}
	a.mu.Unlock()
	var all []error
	for _, j := range left {
		all = append(all, a.closeJob(j, nil))
	}
	return errors.Join(all...)
}

// said marks how much the job's plugin has written to standard error so far; 0 where none runs.
func (j *job) said() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.process == nil {
		return 0
	}
	return j.process.Said()
}

// keepLog puts what the plugin wrote to standard error since a mark where people find it, before the attempt is
// reported. An attempt that is done (no cause) and silent leaves nothing. Attempts that run side by side share a process
// and so the words.
func (a *Agent) keepLog(at *attempt, j *job, mark int64, cause string) {
	var said []byte
	if j != nil {
		j.mu.Lock()
		if j.process != nil {
			said = j.process.StderrSince(min(mark, j.process.Said())) // a new process counts from 0
		}
		j.mu.Unlock()
	}
	if cause == "" && len(said) == 0 {
		return
	}
	text := []byte("attempt " + name(at.id) + " on worker " + a.id)
	if cause != "" {
		text = append(text, ": "+cause...)
	}
	text = append(append(text, '\n'), said...)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.base), 10*time.Second)
	defer cancel()
	key := ledger.LogKey(at.id.Job, int(at.id.Stage), phaseName(at.id), int(at.id.Task), int32(at.id.Attempt))
	if _, err := a.cfg.Store.PutIf(ctx, key, text, ""); err != nil && !errors.Is(err, storage.ErrPrecondition) {
		a.log.Warn("log of an attempt not kept", zap.String("attempt", name(at.id)), zap.Error(err))
	}
}

func phaseName(id *sessionv1.AttemptID) ledger.TaskPhase {
	if id.Phase == sessionv1.AttemptID_PHASE_REDUCE {
		return ledger.Reduce
	}
	return ledger.Map
}

func name(id *sessionv1.AttemptID) string {
	return fmt.Sprintf("%s/%d.%d", phaseName(id), id.Task, id.Attempt)
}

func keys(m map[string]string) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}
