// Package replay runs an attempt of a job again, alone and here, for the author of the job: over the input that the attempt
// had, by the code that workers run attempts with, so that what went wrong there goes wrong here.
//
//	record + plan of the job -> its split, as it was read    -> mapside    -> pairs --\
//	                         -> runs of its partition: of the store, or of -> reduceside -> rows of a text
//	                            maps that are run again, of which nothing else is kept
//
// Nothing of the job is changed, and nobody who works on it notices.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// Config says with what an attempt is run again. All fields but Args, Format, Rebuilt and Debug are required.
type Config struct {
	Store   storage.Store     // the cluster's: the job's record and its plan
	Places  storage.Places    // its inputs
	Plugin  string            // the binary to run
	Args    []string          // its flags; nil: the job's
	Rebuilt bool              // binary or flags are not the job's: what it says of its stages counts, not what the plan does
	Scratch string            // a folder of the replay's own
	Slots   int               // maps at once, where a reduce needs them all
	Memory  int64             // bytes, of all of that together
	Format  output.Format     // of what is put out; "": tsv
	Named   string            // which named output is put out; "": the result
	Stderr  io.Writer         // gets what the plugin writes to standard error
	Say     func(text string) // is told what is done, a line at a time
	// Debug is told the process that is to run the attempt before it has got any of its input, and waits as long as it
	// likes. There are no time limits then, and a plugin that dies is not asked for its record. nil: nobody debugs.
	Debug func(ctx context.Context, pid int) error
}

// Task is what to run again.
type Task struct {
	Job     string
	Stage   int // counted from 0
	Phase   ledger.TaskPhase
	Index   int
	Attempt int // -1: whichever
}

func (t Task) String() string {
	return fmt.Sprintf("%s/%d", ledger.StepName(t.Stage, t.Phase), t.Index)
}

// Result is what a replay that came to its end counted.
type Result struct {
	Tally *sessionv1.Tally
	Took  time.Duration // from the attempt's first byte of input on
}

// Run runs an attempt again and writes what it puts out to w: nothing, if it fails. The error of an attempt is the one that
// the engine reports. An input that is not what the job read any more is errs.Conflict, what the store does not hold any
// more errs.NotFound.
func Run(ctx context.Context, cfg Config, t Task, w io.Writer) (res Result, err error) {
	if t.Phase == ledger.Map {
		cfg.Slots = 1
	}
	r := &replay{cfg: cfg, task: t, sources: stages.Sources(cfg.Store, cfg.Places), host: pluginhost.New(pluginhost.Config{})}
	if err := r.find(ctx); err != nil {
		return Result{}, err
	}
	out := &printed{dir: filepath.Join(cfg.Scratch, "out"), format: cfg.Format, named: cfg.Named, w: w}
	if err := out.has(r.stage); err != nil {
		return Result{}, err
	}
	if t.Phase == ledger.Map {
		res, err = r.replayMap(ctx, out)
	} else {
		res, err = r.replayReduce(ctx, out)
	}
	if err == nil {
		err = out.print(ctx)
	}
	return res, err
}

// replay is one under way.
type replay struct {
	cfg     Config
	task    Task
	sources dataset.Sources
	host    *pluginhost.Host
	starts  atomic.Int64 // processes so far

	rec     ledger.Job
	spec    spec.Job // as far as the stage goes
	head    dataset.Head
	stage   *pluginv1.Stage
	extents []dataset.Extent // of all map tasks
	sides   []*pluginv1.Side // as far as they are here
	// described says that stage is what the plugin said of itself.
	described bool
	saying    sync.Mutex // maps of a reduce run side by side
}

func (r *replay) say(format string, args ...any) {
	r.saying.Lock()
	defer r.saying.Unlock()
	r.cfg.Say(fmt.Sprintf(format, args...))
}

// find reads what the store holds of the task.
func (r *replay) find(ctx context.Context) (err error) {
	t := r.task
	if r.rec, err = ledger.ReadJob(ctx, r.cfg.Store, t.Job); err != nil {
		return fmt.Errorf("replay %s: %w", t, err)
	}
	if n := stages.Count(r.rec.Spec); t.Stage >= n {
		return errs.New(errs.NotFound, "replay %s: the job has no stage %d, only %d", t, t.Stage+1, n)
	}
	if r.spec, err = stages.Of(r.rec.Spec.WithDefaults(), t.Job, t.Stage); err != nil {
		return fmt.Errorf("replay %s: %w", t, err)
	}
	r.head, err = dataset.ReadHead(ctx, r.cfg.Store, ledger.StageID(t.Job, t.Stage))
	if errs.Is(err, errs.NotFound) || errors.Is(err, storage.ErrNotExist) {
		return r.noPlan()
	}
	if err != nil {
		return fmt.Errorf("replay %s: %w", t, err)
	}
	r.stage = &pluginv1.Stage{}
	if err := proto.Unmarshal(r.head.Stage, r.stage); err != nil {
		return errs.E(errs.Corrupt, "replay "+t.String(), "plan", err)
	}
	tails := r.rec.Tails
	if t.Stage != r.rec.Stage {
		tails = nil // nobody needs them any more
	}
	if r.extents = dataset.Extents(r.head.Maps, tails); r.extents == nil {
		return errs.New(errs.Corrupt, "replay %s: the job's record has tails of no task: %v", t, tails)
	}
	n := len(r.extents)
	if t.Phase == ledger.Reduce {
		n = r.head.Partitions
	}
	if n == 0 {
		return errs.New(errs.NotFound, "replay %s: there is no such task, the stage has maps alone", t)
	}
	if t.Index < 0 || t.Index >= n {
		return errs.New(errs.NotFound, "replay %s: there is no such task, the stage has %d: the first is %s/0", t, n, ledger.StepName(t.Stage, t.Phase))
	}
	return nil
}

// noPlan says why there is no plan.
func (r *replay) noPlan() error {
	switch {
	case r.task.Stage > r.rec.Stage, !r.rec.Phase.Ended():
		return errs.New(errs.NotFound, "replay %s: this stage has not been planned; the job is %s", r.task, r.rec.Phase)
	case r.rec.Maps == 0:
		return errs.New(errs.NotFound, "replay %s: the job ended before it had tasks: %s", r.task, r.rec.Error)
	}
	return errs.New(errs.NotFound, "replay %s: the plan of the job is gone, so nobody knows what the task read; "+
		"it is kept for a week after a job's end, those of later stages for an hour", r.task)
}

// start starts the plugin for one attempt, and waits for whoever debugs it.
func (r *replay) start(ctx context.Context, debug bool) (*pluginhost.Process, error) {
	p, err := r.host.Start(ctx, pluginhost.Spec{
		Job: r.task.Job, Path: r.cfg.Plugin, Args: r.args(), Slots: 1, Memory: r.share(), Stderr: r.cfg.Stderr,
		Scratch: filepath.Join(r.cfg.Scratch, fmt.Sprintf("plugin-%d", r.starts.Add(1))),
	})
	if err != nil {
		return nil, err
	}
	if err = r.describe(p); err == nil && debug && r.cfg.Debug != nil {
		err = r.cfg.Debug(ctx, p.PID())
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// args are the plugin's flags.
func (r *replay) args() []string {
	if r.cfg.Args != nil {
		return r.cfg.Args
	}
	return r.spec.Args
}

// describe takes what a plugin that was built anew says of the stage. All its processes say the same.
func (r *replay) describe(p *pluginhost.Process) error {
	if !r.cfg.Rebuilt || r.described {
		return nil
	}
	r.described = true
	list := p.Describe().GetStages()
	if r.task.Stage >= len(list) {
		return errs.New(errs.Invalid, "plugin %s: it has %d stages, and the task is of number %d", r.cfg.Plugin, len(list), r.task.Stage+1)
	}
	r.stage = list[r.task.Stage]
	return nil
}

// share is the memory of one attempt.
func (r *replay) share() int64 { return r.cfg.Memory / int64(r.cfg.Slots) }

// attemptID names an attempt of the stage; one that only makes a run for another is the first of its task.
func (r *replay) attemptID(phase sessionv1.AttemptID_Phase, task int) *sessionv1.AttemptID {
	id := &sessionv1.AttemptID{Job: r.task.Job, Stage: uint32(r.task.Stage), Phase: phase, Task: uint32(task)}
	if (phase == sessionv1.AttemptID_PHASE_MAP) == (r.task.Phase == ledger.Map) {
		id.Attempt = uint32(max(r.task.Attempt, 0))
	}
	return id
}
