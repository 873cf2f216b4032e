package simtest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

// Times of the election, as by default.
const (
	ttl    = 15 * time.Second
	renew  = 5 * time.Second
	poll   = 5 * time.Second
	margin = time.Second
	try    = ttl / 7
)

// world is one run.
type world struct {
	seed     uint64
	trouble  time.Duration // before all faults stop; 0 means trouble
	campaign campaign
	wrap     func(storage.Store) storage.Store // what stands between coordinators and the store in an ablation
	blind    func(key string) bool             // keys whose conditions the store ignores, in another
	log      *zap.Logger
	begin    time.Time
	store    *ledgertest.Store
	check    *checker
	calm     atomic.Bool // no more faults
	all      sync.WaitGroup

	mu      sync.Mutex
	leaders []*leader // all there ever were; guarded by mu
}

// client is the store as a process sees it.
func (w *world) client(name string) *ledgertest.Client { return w.store.Client(name, w.fate) }

// play makes the run. ctx ends it.
func (w *world) play(ctx context.Context) {
	ctx, end := context.WithCancel(ctx)
	chaos, peace := context.WithTimeout(ctx, cmp.Or(w.trouble, trouble))
	defer peace()
	for i := range 4 {
		w.all.Go(func() { w.slot(ctx, chaos, fmt.Sprint("c", i)) })
	}
	w.all.Go(func() { w.clients(chaos) })
	w.all.Go(func() { w.racers(chaos) })
	if w.campaign == tampering {
		w.all.Go(func() { w.meddler(chaos) })
	}
	<-chaos.Done()
	w.calm.Store(true)
	sleep(ctx, time.Minute) // until the last late write has landed

	// I6: the leader, if there is one, dies; the others have only so long.
	w.mu.Lock()
	for _, l := range w.leaders {
		if l.term.Valid() {
			l.crash()
		}
	}
	before := len(w.leaders)
	w.mu.Unlock()
	sleep(ctx, ttl+poll+5*try)
	w.mu.Lock()
	after := len(w.leaders)
	w.mu.Unlock()
	if after == before {
		w.check.violated("I6", "no leader %v after the last one died", ttl+poll+5*try)
	}
	sleep(ctx, time.Minute) // so that all jobs are taken
	end()
	w.all.Wait()
	w.store.Settle()
	w.check.end()
}

// slot is a place where coordinators run, one after the other.
func (w *world) slot(ctx, chaos context.Context, name string) {
	d := roll(w.seed, name)
	sleep(ctx, d.between(0, 2*time.Second))
	for n := 0; ctx.Err() == nil; n++ {
		p := w.start(ctx, fmt.Sprintf("%s.%d", name, n))
		for chaos.Err() == nil && p.ctx.Err() == nil {
			sleep(chaos, d.between(10*time.Second, 2*time.Minute))
			switch luck := d.Float64(); {
			case chaos.Err() != nil: // in calm times it runs to the end
			case luck < 0.4:
				// It does not see the lease for a while, but its writers see their jobs.
				p.cut.Store(true)
				sleep(chaos, d.between(10*time.Second, 80*time.Second))
				p.cut.Store(false)
			case luck < 0.6:
				p.stop() // it leaves in good order
			default:
				p.crash()
			}
		}
		<-p.gone
		sleep(ctx, d.between(0, 20*time.Second))
	}
}

// process is one incarnation of a coordinator.
type process struct {
	w      *world
	name   string
	client *ledgertest.Client
	store  storage.Store // client, or the ablation around it
	ctx    context.Context
	stop   context.CancelFunc
	cut    atomic.Bool // from the lease
	dead   sync.Once
	gone   chan struct{}
	runs   sync.WaitGroup
}

func (w *world) start(ctx context.Context, name string) *process {
	p := &process{w: w, name: name, gone: make(chan struct{})}
	p.client = w.store.Client(name, func(c ledgertest.Call) ledgertest.Fate {
		if p.cut.Load() && strings.HasPrefix(c.Key, ledger.LeaseKey) {
			return ledgertest.Fate{Dropped: true, Silent: true}
		}
		return w.fate(c)
	})
	p.store = w.wrap(p.client)
	p.ctx, p.stop = context.WithCancel(ctx)
	e := lease.New(p.store, lease.Config{Holder: name, TTL: ttl, Renew: renew, Poll: poll, Margin: margin}, w.log)
	w.all.Go(func() {
		defer close(p.gone)
		if err := e.Run(p.ctx, p.lead); err != nil {
			w.check.violated("run", "%s: %v", name, err)
		}
		p.stop()
		p.runs.Wait()
	})
	return p
}

// crash kills the process: whatever it still does, the store hears nothing more of it.
func (p *process) crash() {
	p.dead.Do(p.client.Kill)
	p.stop()
}

// clients submit jobs, some twice.
func (w *world) clients(ctx context.Context) {
	d := roll(w.seed, "clients")
	for n := 0; ctx.Err() == nil; n++ {
		s := spec.Job{
			Name: "sim", Plugins: map[string]string{"linux/amd64": fmt.Sprintf("%064x", n)}, Stage: []byte("described"), Inputs: []string{"/in"},
			RequestID: fmt.Sprintf("%d-%d", w.seed, n),
		}
		id := ledger.JobIDFor(s)
		for again := range 1 + d.IntN(2) {
			c := w.client(fmt.Sprintf("client%d.%d", n, again))
			after := d.between(0, 10*time.Second)
			patience := d.between(5*time.Second, 2*time.Minute)
			w.all.Go(func() {
				sleep(ctx, after)
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
				defer cancel()
				if err := ledger.SubmitInbox(ctx, c, id, s); err == nil {
					w.check.submitted(id)
				}
			})
		}
		sleep(ctx, d.between(5*time.Second, 60*time.Second))
	}
}

// racers are attempts that race for tasks.
func (w *world) racers(ctx context.Context) {
	d := roll(w.seed, "racers")
	for task := 0; ctx.Err() == nil; task++ {
		for attempt := range 3 {
			rec := ledger.TaskRecord{Job: "j", Phase: ledger.Reduce, Task: task, Attempt: int32(attempt), Worker: fmt.Sprint("w", attempt)}
			c := w.client(fmt.Sprintf("w%d.%d", attempt, task))
			after := d.between(0, 2*time.Second)
			patience := d.between(time.Second, time.Minute)
			w.all.Go(func() {
				sleep(ctx, after)
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
				defer cancel()
				if won, mine, err := ledger.CreateTask(ctx, c, rec); err == nil {
					w.check.raced(rec, won, mine)
				}
			})
		}
		sleep(ctx, d.between(5*time.Second, 20*time.Second))
	}
}

// meddler does to the lease what only a person with a shell can do: now and then, and
// when that hurts most: between the acquisition of an epoch and its marker.
func (w *world) meddler(ctx context.Context) {
	d := roll(w.seed, "meddler")
	for {
		quiet := time.NewTimer(d.between(10*time.Second, 80*time.Second))
		select {
		case <-ctx.Done():
			return
		case <-quiet.C:
		case <-w.check.touched:
			if !w.unmarkable() || !d.chance(0.5) {
				continue
			}
			sleep(ctx, d.between(0, 2*time.Second))
			w.store.Remove(ledger.LeaseKey)
			continue
		}
		switch d.IntN(3) {
		case 0:
			w.store.Remove(ledger.LeaseKey)
		case 1:
			w.store.Set(ledger.LeaseKey, []byte("garbage"))
		case 2:
			if old := w.check.oldLease(d); old != nil {
				w.store.Set(ledger.LeaseKey, old)
			}
		}
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
