package meta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/coordinator"
	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/faulty"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/worker"
)

// world is a cluster within this process, in which a trial takes place: a store in memory behind a bad network, one
// coordinator, some workers. Whatever ends is replaced.
type world struct {
	tr     Trial
	dir    string
	record *mem.Store // what is behind the bad network
	output *mem.Store
	faults faulty.Plan   // of the network before record
	store  *faulty.Store // record as workers see it
	out    *faulty.Store // and output
	places *places
	plugin *boundary.Server
	about  []*pluginv1.Stage

	losses  chan Loss // has room for all
	workers []member
	leader  func(release bool) // ends it and waits
	started int                // workers, in all

	running sync.WaitGroup
	mu      sync.Mutex
	broken  error // guarded by mu; the servers that ended by themselves
}

// member is a worker of the cluster.
type member struct {
	*worker.Agent
	end func() // ends it as it is, and waits
}

// newWorld builds a world; nothing runs yet.
func newWorld(tr Trial, dir string, objects map[string][]byte) (*world, error) {
	w := &world{tr: tr, dir: dir, record: mem.New(), output: mem.New(), losses: make(chan Loss, len(tr.Losses))}
	plan := func(salt uint64) faulty.Plan {
		s := tr.Store
		return faulty.Random(s.Seed+salt, faulty.Rates{LoseRequest: s.LoseRequest, LoseReply: s.LoseReply, Refuse: s.Refuse, Delay: s.Late,
			MaxWait: 20 * time.Millisecond})
	}
	w.faults = plan(1)
	w.store = faulty.New(w.record, w.faults)
	w.out = faulty.New(w.output, plan(2))
	w.places = &places{objects: objects, out: w.out,
		plan: faulty.Random(tr.Store.Seed+3, faulty.Rates{Refuse: tr.Store.Input / 2, Cut: tr.Store.Input / 2})}
	watch := &watcher{faults: tr.Plugin, struck: make([]sync.Once, len(tr.Plugin)), due: w.due}
	var programs []boundary.Program
	for _, s := range tr.stages(watch) {
		program, err := s.Program()
		if err != nil {
			return nil, err
		}
		about := program.Describe()
		for _, in := range about.Inputs { // as jobs.Main does it
			if len(w.about) > 0 && in.Name == w.about[0].Name {
				in.After = 1
			}
		}
		programs, w.about = append(programs, program), append(w.about, about)
	}
	w.plugin = boundary.NewServer(&pluginv1.DescribeResponse{Protocol: boundary.Protocol, Stages: w.about}, programs...)
	return w, nil
}

// due asks for the losses that are due after a number of calls.
func (w *world) due(calls int64) {
	for _, l := range w.tr.Losses {
		if l.After == calls {
			w.losses <- l
		}
	}
}

// server is what runs until its context ends.
type server interface {
	Run(ctx context.Context) error
}

// start runs a server and gives what ends it and waits for that.
func (w *world) start(name string, s server) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.running.Go(func() {
		defer close(done)
		if err := s.Run(ctx); ctx.Err() == nil {
			w.mu.Lock()
			w.broken = errors.Join(w.broken, fmt.Errorf("the %s ended by itself: %w", name, err))
			w.mu.Unlock()
		}
	})
	return sync.OnceFunc(func() { cancel(); <-done })
}

func (w *world) addWorker() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.started++
	a, err := worker.New(worker.Config{Store: w.store, Resolver: w.places, Listener: l, Scratch: filepath.Join(w.dir, fmt.Sprint("worker-", w.started)),
		Slots: w.tr.Slots, Memory: w.tr.Memory * int64(w.tr.Slots), RunCodec: w.tr.Codec, InProcess: w.plugin, DrainTimeout: 200 * time.Millisecond})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	w.workers = append(w.workers, member{a, w.start("worker", a)})
	return nil
}

func (w *world) addLeader() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var gone atomic.Bool // nothing it writes arrives any more, such as that it gives its lease up
	store := faulty.New(w.record, faulty.First(func(faulty.Op, string) (f faulty.Fault) {
		if gone.Load() {
			f.Kind = faulty.Refuse
		}
		return f
	}, w.faults))
	c, err := coordinator.New(coordinator.Config{
		Store: store, Resolver: w.places, Listener: l, SkipProbe: true, Heartbeat: 500 * time.Millisecond, InboxPoll: 20 * time.Millisecond,
		Lease: lease.Config{TTL: 2 * time.Second, Poll: 50 * time.Millisecond},
		Sched: sched.Config{BackoffBase: 5 * time.Millisecond, BackoffMax: 50 * time.Millisecond},
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	stop := w.start("coordinator", c)
	w.leader = func(release bool) {
		gone.Store(!release)
		stop()
		store.Wait()
	}
	return nil
}

// lose ends a process and starts another one.
func (w *world) lose(ctx context.Context, l Loss) error {
	if l.How == Deposed || l.How == Vanished {
		w.leader(l.How == Deposed)
		return w.addLeader()
	}
	i := l.Worker % len(w.workers)
	m := w.workers[i]
	w.workers = slices.Delete(w.workers, i, i+1)
	if l.How == Drained {
		_ = m.Drain(ctx) // what is left after its time is lost with it
	}
	m.end()
	return w.addWorker()
}

// run submits the trial's job and waits for its end.
func (w *world) run(ctx context.Context) (j ledger.Job, err error) {
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := w.addLeader(); err != nil {
		return j, err
	}
	for range w.tr.Workers {
		if err := w.addWorker(); err != nil {
			return j, err
		}
	}
	id, err := w.submit(ctx)
	if err != nil {
		return j, err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case l := <-w.losses:
			if err := w.lose(ctx, l); err != nil {
				return j, err
			}
		case <-tick.C:
		case <-ctx.Done():
			return j, fmt.Errorf("the job has not ended: it is %s: %w", j.Phase, context.Cause(ctx))
		}
		if now, err := ledger.ReadJob(ctx, w.record, id); err == nil {
			j = now
		}
		if j.Phase.Ended() {
			return j, nil
		}
	}
}

// submit puts the job into the store, with none of its faults: what a client does then is another test's.
func (w *world) submit(ctx context.Context) (id string, err error) {
	var stages [][]byte
	for _, about := range w.about {
		b, err := proto.Marshal(about)
		if err != nil {
			return "", err
		}
		stages = append(stages, b)
	}
	root := bucket
	if !w.tr.Remote {
		root = w.dir + "/"
		if err := w.writeFiles(); err != nil {
			return "", err
		}
	}
	s := spec.Job{
		Name: w.about[0].GetName(), Stage: stages[0], Then: stages[1:], Inputs: []string{root + "in/"}, Output: "/out", MaxBadRecords: -1, Submitted: time.Now().UTC(),
		Partitions: w.tr.Partitions, Sorted: w.tr.Sorted, SplitSize: w.tr.SplitSize, Shuffle: w.tr.Shuffle,
		Plugins: map[string]string{runtime.GOOS + "/" + runtime.GOARCH: strings.Repeat("0", 64)}, // nobody looks for it
	}
	if w.tr.Input.Form.rows() {
		s.InputFormat = "auto"
	}
	if w.tr.Kind == Joined {
		s.NamedInputs, s.NamedFormats = map[string][]string{"text": s.Inputs, "names": {root + "names/"}}, map[string]string{"text": s.InputFormat}
		s.Inputs, s.InputFormat = nil, ""
	}
	id = ledger.JobIDFor(s)
	return id, ledger.SubmitInbox(ctx, w.record, id, s)
}

// writeFiles puts the inputs where they are read as files.
func (w *world) writeFiles() error {
	for name, body := range w.places.objects {
		path := filepath.Join(w.dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, body, 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// stop ends everything and waits for it.
func (w *world) stop() error {
	for _, m := range w.workers {
		m.end()
	}
	if w.leader != nil {
		w.leader(true)
	}
	w.running.Wait()
	w.store.Wait()
	w.out.Wait()
	return errors.Join(w.broken, os.RemoveAll(w.dir))
}
