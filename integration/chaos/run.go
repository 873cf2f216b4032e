package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/stage"
	"github.com/mrctl/mrctl/integration/chaos/work"
	"github.com/mrctl/mrctl/integration/cluster"
)

// run is one run under way.
type run struct {
	stage  *stage.Stage
	plan   plan.Plan
	answer work.Answer
	began  time.Time     // of the submission
	over   chan struct{} // closed when the job has ended

	mu   sync.Mutex
	res  *Result            // guarded by mu until the faults are over
	done map[string]float64 // guarded by mu; the furthest that each stage has been seen
}

func (r *run) broke(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res.Broken = append(r.res.Broken, fmt.Sprintf(format, args...))
}

func (r *run) happened(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := time.Since(r.began).Seconds()
	r.res.Happened = append(r.res.Happened, fmt.Sprintf("%6.2f s  %s", at, fmt.Sprintf(format, args...)))
}

// do runs the cluster from its start to its end and looks at what it leaves.
func (r *run) do(ctx context.Context) error {
	if err := r.stage.Boot(ctx); err != nil {
		r.broke("the cluster did not come up: %v", err)
		return ctx.Err()
	}
	r.began = time.Now()
	bounded, cancel := context.WithTimeout(ctx, r.plan.Bound())
	defer cancel()
	var faults sync.WaitGroup
	for _, f := range r.plan.Faults {
		faults.Go(func() { r.inject(bounded, f) })
	}
	id := r.submit(bounded)
	if id != "" {
		r.follow(ctx, bounded, id)
	}
	cancel()
	faults.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.conclude(ctx, id)
}

// submit hands the job in, again and again, as a user with a request id would.
func (r *run) submit(ctx context.Context) (id string) {
	args := slices.Concat([]string{"submit", "--detach", "--json", "--quiet", "--request-id", "chaos-" + strconv.FormatUint(r.plan.Seed, 10),
		"--split-size", r.stage.SplitSize(), "-o", r.stage.URI("out"),
		r.stage.Binary()}, r.plan.Work.Inputs(r.stage.URI("in")), []string{"--"}, r.plan.Work.Args())
	if r.plan.Work.Kind != work.Picks { // which makes a part of each split
		args = slices.Insert(args, 1, "--partitions", strconv.Itoa(r.plan.Partitions))
	}
	var last cluster.Result
	err := cluster.Until(ctx, "a submission", func() (bool, error) {
		var err error
		if last, err = r.stage.Mrctl(ctx, args...); err != nil {
			return false, err
		}
		var answer struct{ ID string }
		if last.Code == 0 && json.Unmarshal([]byte(last.Out), &answer) == nil {
			id = answer.ID
		}
		return id != "" || last.Code == 2, nil
	})
	if id == "" {
		r.broke("the job could not be submitted: %v, exit %d, %s%s", err, last.Code, last.Out, last.Err)
	}
	return id
}

// hears is how long after the end of a job whoever watches it may take to hear of it: a connection on which nothing comes is
// given up after 20 s, and the next one may be late too.
const hears = 45 * time.Second

// follow waits for the end of the job, or of bounded, beside a client that watches it too.
func (r *run) follow(ctx, bounded context.Context, id string) {
	r.mu.Lock()
	r.res.Job, r.done = id, map[string]float64{}
	r.mu.Unlock()
	watched := make(chan struct{})
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() { defer close(watched); r.watch(watching, id) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for bounded.Err() == nil {
		if _, ended := r.stage.Ended(bounded, id); ended {
			break
		}
		if p, err := r.stage.Progress(bounded, id); err == nil {
			r.mu.Lock()
			for stage, share := range p.Done {
				r.done[stage] = max(r.done[stage], share)
			}
			r.mu.Unlock()
		}
		select {
		case <-tick.C:
		case <-bounded.Done():
		}
	}
	r.mu.Lock()
	r.res.Seconds = time.Since(r.began).Seconds()
	r.mu.Unlock()
	close(r.over)
	if bounded.Err() != nil {
		stop()
	}
	defer time.AfterFunc(hears, func() {
		r.broke("mrctl watch has not heard of the end of the job %v after it", hears)
		stop()
	}).Stop()
	<-watched
}

// watch is a client that waits for the job and must be told the truth, and in time. While it cannot reach anybody it asks again.
func (r *run) watch(ctx context.Context, id string) {
	const unreachable = 3
	for ctx.Err() == nil {
		got, err := r.stage.Mrctl(ctx, "watch", "--quiet", id)
		switch {
		case err != nil: // out of time, which is told elsewhere
			return
		case got.Code == unreachable:
			continue
		case got.Code != 0:
			r.broke("mrctl watch says the job came to nothing: exit %d, %s", got.Code, got.Err)
		}
		return
	}
}

// reached waits for the moment of a fault; false means that it does not come any more.
func (r *run) reached(ctx context.Context, w plan.When) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r.mu.Lock()
		share, seen := r.done[w.Stage]
		r.mu.Unlock()
		if time.Since(r.began) >= w.After && (w.Stage == "" || seen && share >= w.Share) {
			return true
		}
		select {
		case <-tick.C:
		case <-r.over:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// lasts waits for a while, or until the job has ended.
func (r *run) lasts(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.over:
	case <-ctx.Done():
	}
}
