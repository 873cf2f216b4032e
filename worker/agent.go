// Package worker is a process that runs attempts: it registers with the leader, takes orders, runs map and reduce
// attempts in its slots, keeps the runs its maps wrote and serves them to other workers.
//
// Agent.Run wires the rooms: pluginhost (the user's code), mapside and reduceside (an attempt), runs (sorted files),
// shuffle (runs from worker to worker). The agent outlives any leader: attempts go on without one, and what was
// finished is told to the next.
package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/pluginhost"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// Config is what an Agent is made of. Store, Resolver, Listener and Scratch are required; it must not be changed
// afterwards.
type Config struct {
	Store     storage.Store  // the cluster's root: the lease, plans, plugins, task records
	Resolver  storage.Places // inputs and outputs of jobs
	Listener  net.Listener   // serves runs; closed by Run
	Advertise string         // host:port others reach it at; empty: the listener's address
	Scratch   string         // a folder of its own, made when needed, removed at the end
	Slots     int            // attempts at once; 0: the number of CPUs
	Memory    int64          // bytes for buffers of worker and plugins together; 0: 1 GiB
	Labels    map[string]string
	TLS       *mtls.Credentials // for Listener and whatever is dialled; nil: plain text
	// RunCodec compresses the runs that maps leave: auto, none, lz4 or zstd. "": auto, which is none on loopback, else lz4.
	RunCodec string
	// DrainTimeout is how long attempts may go on once the worker drains, and how long after that what is left of them may
	// take to be handed over; 0: 30 s.
	DrainTimeout time.Duration
	// Leader is an address to try before the lease is read; empty where it is not known.
	Leader string
	Ready  *pluginhost.Ready // plugins that are here already; nil: none
	// InProcess, where set, runs every job's attempts within this process, in the place of its plugin: to measure what
	// processes of their own cost.
	InProcess *boundary.Server
	Profile   string      // a folder for CPU profiles of plugins; "" for none
	Log       *zap.Logger // nil: no log
	Version   string
}

// openRuns is how many runs are kept open for reduces of this worker, well below what a process may open.
const openRuns = 512

// MinMemoryPerSlot is the least a slot can work with, in bytes.
const MinMemoryPerSlot = 8 << 20

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil || c.Resolver == nil || c.Listener == nil || c.Scratch == "" {
		return c, errs.New(errs.Invalid, "worker: store, resolver, listener and scratch are required")
	}
	if c.Advertise == "" {
		c.Advertise = c.Listener.Addr().String()
	}
	if c.Slots == 0 {
		c.Slots = runtime.NumCPU()
	}
	if c.Memory == 0 {
		c.Memory = 1 << 30
	}
	if c.Memory < MinMemoryPerSlot*int64(c.Slots) {
		return c, errs.New(errs.Invalid, "worker: %d bytes of memory are too little for %d slots: give it %d MiB a slot, or fewer slots",
			c.Memory, c.Slots, MinMemoryPerSlot>>20)
	}
	if c.DrainTimeout <= 0 {
		c.DrainTimeout = defaultDrainTimeout
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c, nil
}

// Agent is one worker. A non-nil Agent is ready to Run, once.
type Agent struct {
	cfg   Config
	id    string // one process incarnation
	log   *zap.Logger
	codec runs.Codec // of runs
	host  *pluginhost.Host
	grpc  *grpc.Server
	// What attempts share: plans read, runs fetched from other workers.
	plans   *dataset.Plans
	sources dataset.Sources // what maps read, rows of earlier stages included
	fetch   *shuffle.Client
	vault   *shuffle.Vault
	conns   *shuffle.Conns
	shelf   *runs.Shelf // runs held here
	// base is the context of attempts; it ends when Run does.
	base context.Context
	work sync.WaitGroup // attempts under way

	mu       sync.Mutex
	epoch    uint64                           // guarded by mu; highest obeyed
	attempts map[attemptKey]*attempt          // guarded by mu; under way
	reports  map[attemptKey]*sessionv1.Report // guarded by mu; ended, not acknowledged
	held     map[attemptKey]*heldRun          // guarded by mu; finished maps
	jobs     map[stageKey]*job                // guarded by mu
	draining bool                             // guarded by mu
	changed  chan struct{}                    // capacity 1: there is something to send
}

// attemptKey names an attempt in maps; the generation is part of the wire's id only.
type attemptKey struct {
	job     string
	phase   sessionv1.AttemptID_Phase
	stage   uint32
	task    uint32
	attempt uint32
}

func keyOf(id *sessionv1.AttemptID) attemptKey {
	return attemptKey{job: id.Job, phase: id.Phase, stage: id.Stage, task: id.Task, attempt: id.Attempt}
}

// heldRun is the run of a finished map. Its last two fields are guarded by Agent.mu.
type heldRun struct {
	wire    *sessionv1.Held
	path    string
	stored  bool // it lies in the store, too
	storing bool // a copy is on its way there
}

// New checks cfg and makes an Agent.
func New(cfg Config) (*Agent, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	packing, err := runCodec(cfg.RunCodec, cfg.Advertise)
	if err != nil {
		return nil, err
	}
	a := &Agent{
		cfg: cfg, codec: packing, id: ledger.NewIncarnation(), log: cfg.Log.Named("worker"),
		attempts: map[attemptKey]*attempt{}, reports: map[attemptKey]*sessionv1.Report{},
		held: map[attemptKey]*heldRun{}, jobs: map[stageKey]*job{}, changed: make(chan struct{}, 1),
	}
	a.host = pluginhost.New(pluginhost.Config{Dir: filepath.Join(cfg.Scratch, "plugins"), Store: cfg.Store, Ready: cfg.Ready, Log: a.log})
	a.plans = dataset.NewPlans(cfg.Store)
	a.sources = stages.Sources(cfg.Store, cfg.Resolver)
	a.conns = shuffle.NewConns(grpc.WithTransportCredentials(cfg.TLS.Client()))
	a.shelf = runs.NewShelf(openRuns)
	a.vault = shuffle.NewVault(cfg.Store, a.partitions)
	a.fetch = shuffle.NewClient(shuffle.Config{Worker: a.id, Lookup: a.lookup, Shelf: a.shelf, Routes: a.routes, Log: a.log})
	a.grpc = grpc.NewServer(append(shuffle.ServerOptions(), grpc.Creds(cfg.TLS.Server()),
		grpc.WaitForHandlers(true))...) // nothing of it is alive after Run
	shufflev1.RegisterShuffleServiceServer(a.grpc, shuffle.NewServer(a.lookup))
	return a, nil
}

// ID names this incarnation of the worker.
func (a *Agent) ID() string { return a.id }

// Run works until ctx ends. Attempts under way are then stopped, plugins ended and scratch removed.
func (a *Agent) Run(ctx context.Context) (err error) {
	g, gctx := errgroup.WithContext(ctx)
	base, stop := context.WithCancelCause(gctx)
	a.base = base
	defer func() {
		stop(errs.New(errs.Canceled, "the worker stops"))
		a.work.Wait()
		err = errors.Join(err, a.closeJobs(), a.conns.Close(), os.RemoveAll(a.cfg.Scratch))
	}()
	g.Go(func() error {
		err := a.grpc.Serve(a.cfg.Listener)
		if gctx.Err() != nil || errors.Is(err, grpc.ErrServerStopped) {
			return nil
		}
		return fmt.Errorf("serve runs on %s: %w", a.cfg.Advertise, err)
	})
	g.Go(func() error {
		defer a.grpc.Stop()
		a.sessions(gctx)
		return nil
	})
	return g.Wait()
}

// wake tells the session that there is something to send.
func (a *Agent) wake() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// lookup finds a run by the map attempt that wrote it, for the shuffle.
func (a *Agent) lookup(job string, stage, task, attempt uint32) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h, ok := a.held[attemptKey{job: job, phase: sessionv1.AttemptID_PHASE_MAP, stage: stage, task: task, attempt: attempt}]
	if !ok {
		return "", false
	}
	return h.path, true
}
