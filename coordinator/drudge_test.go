package coordinator

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// drudge is a worker without a script: it does what it is told, each attempt in its time, whether or not anybody leads,
// and reports to whoever does.
type drudge struct {
	t    *town
	id   string
	addr string
	ctx  context.Context
	done sync.WaitGroup

	mu      sync.Mutex // guards all below
	epoch   uint64
	work    map[string]*toil // attempts that run, by job and label
	held    map[string]*sessionv1.Held
	reports map[string]*sessionv1.Report // not acknowledged
	changed chan struct{}                // capacity 1
}

// toil is an attempt that runs.
type toil struct {
	order   *sessionv1.Start
	inputs  map[uint32]ledger.Input // guarded by drudge.mu
	news    chan struct{}           // capacity 1
	stopped context.Context
	stop    context.CancelFunc
}

func nameOf(id *sessionv1.AttemptID) string { return id.Job + " " + label(id) }

func (tn *town) hire(ctx context.Context, id string) *drudge {
	d := &drudge{t: tn, id: id, addr: id + ":1", ctx: ctx, work: map[string]*toil{}, held: map[string]*sessionv1.Held{},
		reports: map[string]*sessionv1.Report{}, changed: make(chan struct{}, 1)}
	d.done.Go(func() {
		for ctx.Err() == nil {
			_ = d.session() // the next one goes on
			pause(ctx, 200*time.Millisecond)
		}
	})
	return d
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (d *drudge) session() error {
	rec, err := ledger.ReadLease(d.ctx, d.t.store.Store)
	if err != nil || rec.Free {
		return err
	}
	conn, err := d.t.wire.client(rec.Addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(d.ctx)
	var receiving sync.WaitGroup
	defer receiving.Wait()
	defer cancel()
	stream, err := sessionv1.NewSessionServiceClient(conn).Attach(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Register{Register: d.register()}}); err != nil {
		return err
	}
	receiving.Go(func() {
		defer cancel()
		for {
			m, err := stream.Recv()
			if err != nil || !d.hear(m) {
				return
			}
		}
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, r := range d.unacknowledged() {
			if err := stream.Send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Report{Report: r}}); err != nil {
				return err
			}
		}
		select {
		case <-d.changed:
		case <-tick.C:
			// A process that is frozen answers nobody, and its connections end; here only its way to the store is frozen.
			if now, err := ledger.ReadLease(d.ctx, d.t.store.Store); err == nil && now.Addr != rec.Addr {
				return nil
			}
			if err := stream.Send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: &sessionv1.Heartbeat{}}}); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *drudge) register() *sessionv1.Register {
	d.mu.Lock()
	defer d.mu.Unlock()
	reg := register(d.id, 2)
	reg.Epoch = d.epoch
	reg.Held = slices.Collect(maps.Values(d.held))
	for _, w := range d.work {
		reg.Running = append(reg.Running, w.order.Id)
	}
	for name, r := range d.reports {
		if d.held[name] == nil {
			reg.Running = append(reg.Running, r.Id)
		}
	}
	return reg
}

func (d *drudge) unacknowledged() []*sessionv1.Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.reports))
}

// hear obeys; false means that it was an order of the past.
func (d *drudge) hear(m *sessionv1.AttachResponse) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.Epoch < d.epoch {
		return false
	}
	d.epoch = m.Epoch
	switch k := m.Kind.(type) {
	case *sessionv1.AttachResponse_Start:
		d.begin(k.Start)
	case *sessionv1.AttachResponse_AddSources:
		if w := d.work[nameOf(k.AddSources.Id)]; w != nil {
			for _, task := range k.AddSources.Gone {
				delete(w.inputs, task)
			}
			w.add(k.AddSources.Sources)
		}
	case *sessionv1.AttachResponse_Stop:
		if w := d.work[nameOf(k.Stop.Id)]; w != nil {
			w.stop()
		}
	case *sessionv1.AttachResponse_Ack:
		delete(d.reports, nameOf(k.Ack.Id))
	case *sessionv1.AttachResponse_Release:
		of := func(id *sessionv1.AttemptID) bool { return id.Job == k.Release.Job }
		maps.DeleteFunc(d.held, func(_ string, h *sessionv1.Held) bool { return of(h.Id) })
		maps.DeleteFunc(d.reports, func(_ string, r *sessionv1.Report) bool { return of(r.Id) })
		for _, w := range d.work {
			if of(w.order.Id) {
				w.stop()
			}
		}
	}
	return true
}

func (w *toil) add(sources []*sessionv1.Source) {
	for _, src := range sources {
		for i, task := range src.Tasks {
			w.inputs[task] = ledger.Input{Attempt: int32(src.Attempts[i]), Digest: hex.EncodeToString(src.Digests[i])}
		}
	}
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// begin starts an attempt. Called with mu held.
func (d *drudge) begin(o *sessionv1.Start) {
	name := nameOf(o.Id)
	d.t.census.started(o.Id)
	d.seeCuts(o.Id)
	w := &toil{order: o, inputs: map[uint32]ledger.Input{}, news: make(chan struct{}, 1)}
	w.stopped, w.stop = context.WithCancel(d.ctx)
	w.add(o.Sources)
	d.work[name] = w
	d.done.Go(func() {
		defer w.stop()
		r := d.toil(w)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.work, name)
		d.reports[name] = r
		d.t.census.ended(r)
		if r.Outcome == sessionv1.Report_OUTCOME_DONE && o.Id.Phase == sessionv1.AttemptID_PHASE_MAP && !d.t.onlyMaps(o.Id.Job) {
			d.held[name] = held(o.Id)
		}
		select {
		case d.changed <- struct{}{}:
		default:
		}
	})
}

// seeCuts holds the start of a reduce of a sorted job against where its parts are cut: that is recorded before,
// by what all maps have found, whichever leader they told.
func (d *drudge) seeCuts(id *sessionv1.AttemptID) {
	j, err := ledger.ReadJob(d.ctx, d.t.store.Store, id.Job)
	if err != nil || !j.Spec.Sorted || id.Phase != sessionv1.AttemptID_PHASE_REDUCE {
		return
	}
	c, err := ledger.ReadCuts(d.ctx, d.t.store.Store, id.Job, 0)
	if err != nil || len(c.Keys) != 1 || string(c.Keys[0]) != "key-3" { // half of six maps, each with a key of its own
		d.t.t.Errorf("%s is started, and its range of keys is not known: %q, %v", label(id), c.Keys, err)
	}
}

// toil is an attempt from its beginning to what is reported of it.
func (d *drudge) toil(w *toil) *sessionv1.Report {
	o := w.order
	pause(w.stopped, d.t.pace)
	switch {
	case w.stopped.Err() != nil:
		return &sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED}
	case d.t.bad(o.Id):
		return failed(o.Id, errs.UserCode, "this record is bad")
	case o.Id.Phase == sessionv1.AttemptID_PHASE_MAP && d.t.onlyMaps(o.Id.Job):
		if _, err := recordWinner(d.ctx, d.t.store.Store, d.t.out.Store, d.id, o, nil); err != nil {
			return failed(o.Id, errs.KindOf(err), err.Error())
		}
		return mapped(o.Id)
	case o.Id.Phase == sessionv1.AttemptID_PHASE_MAP:
		return mapped(o.Id)
	}
	for {
		d.mu.Lock()
		inputs := maps.Clone(w.inputs)
		d.mu.Unlock()
		if len(inputs) == int(o.Maps) && w.stopped.Err() == nil {
			if _, err := recordWinner(d.ctx, d.t.store.Store, d.t.out.Store, d.id, o, inputs); err != nil {
				return failed(o.Id, errs.KindOf(err), err.Error())
			}
			return &sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_DONE}
		}
		select {
		case <-w.news:
		case <-w.stopped.Done():
			return &sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_STOPPED}
		}
	}
}

// census counts what is started, and how often that was in vain.
type census struct {
	mu       sync.Mutex
	starts   int             // guarded by mu, as are the others
	finished map[string]int  // tasks by how often they were done
	running  map[string]int  // tasks by how many attempts of them run
	again    []string        // attempts of tasks that were done already
	twice    []string        // attempts of tasks of which one was running
	seen     map[string]bool // attempts
	repeated []string        // attempts that were started under a name that had been used
}

func newCensus() *census {
	return &census{finished: map[string]int{}, running: map[string]int{}, seen: map[string]bool{}}
}

func taskOf(id *sessionv1.AttemptID) string { return id.Job + " " + taskName(attemptOf(id).TaskID) }

func (c *census) started(id *sessionv1.AttemptID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	task := taskOf(id)
	c.starts++
	if c.finished[task] > 0 {
		c.again = append(c.again, label(id))
	} else if c.running[task] > 0 {
		c.twice = append(c.twice, label(id))
	}
	if c.seen[nameOf(id)] {
		c.repeated = append(c.repeated, label(id))
	}
	c.seen[nameOf(id)] = true
	c.running[task]++
}

func (c *census) ended(r *sessionv1.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[taskOf(r.Id)]--
	if r.Outcome == sessionv1.Report_OUTCOME_DONE {
		c.finished[taskOf(r.Id)]++
	}
}
