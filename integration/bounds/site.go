package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
)

// site is where the jobs run.
type site struct {
	dir, text      string
	binary, plugin string
	ttl            time.Duration
	runs           int
	want           []string // the answer, of the first job
}

// outcome is what became of one job.
type outcome struct {
	took time.Duration
	note string
}

// disturbance is done to a cluster once half of something is done. It is told how much of the job is done by now.
type disturbance func(ctx context.Context, c *cluster.Cluster, st cluster.Status) (done bool, err error)

func leaveAlone(context.Context, *cluster.Cluster, cluster.Status) (bool, error) { return false, nil }

func killWorker(_ context.Context, c *cluster.Cluster, st cluster.Status) (bool, error) {
	if len(st.Stages) == 0 || st.Stages[0].Tasks == 0 || 2*st.Stages[0].Done < st.Stages[0].Tasks {
		return false, nil
	}
	c.Workers[4].Kill()
	return true, nil
}

func killLeader(ctx context.Context, c *cluster.Cluster, st cluster.Status) (bool, error) {
	if done, of := st.Done(); of == 0 || 2*done < of {
		return false, nil
	}
	leader, err := c.Leader(ctx)
	if err == nil {
		leader.Kill()
	}
	return err == nil, err
}

// job runs one job on a cluster of its own, and disturbs it.
func (s *site) job(ctx context.Context, disturb disturbance) (o outcome, err error) {
	s.runs++
	dir := filepath.Join(s.dir, fmt.Sprint(s.runs))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return o, err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		}
	}()
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: s.binary, Dir: dir, Store: filepath.Join(dir, "store"), Coordinators: 2, Workers: 9, Memory: "128MiB", LeaseTTL: s.ttl,
	})
	if err != nil {
		return o, err
	}
	defer func() { _ = c.Stop() }()
	out := filepath.Join(dir, "words")
	began := time.Now()
	id, err := c.Submit(ctx, s.plugin, s.text, "-o", out, "--partitions", "9", "--split-size", "16MiB")
	if err != nil {
		return o, err
	}
	st, err := watch(ctx, c, id, disturb)
	if err != nil {
		return o, err
	}
	o.took = time.Since(began)
	o.note = fmt.Sprintf("%d tasks kept, %d attempts lost, epoch %d", st.TasksKept, st.AttemptsLost, st.Epoch)
	got, err := reference.Parts(out)
	if err != nil {
		return o, err
	}
	if s.want == nil {
		if s.want, err = reference.WordCount(s.text); err != nil {
			return o, err
		}
	}
	if diff := reference.Diff(got, s.want); diff != "" {
		return o, fmt.Errorf("the answer is wrong: %s", diff)
	}
	return o, nil
}

// watch waits for the end of a job. It looks seldom, for looking takes time that the job has not, in all runs alike.
func watch(ctx context.Context, c *cluster.Cluster, id string, disturb disturbance) (st cluster.Status, err error) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	disturbed := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return st, ctx.Err()
		}
		now, err := c.Status(ctx, id)
		switch {
		case err != nil && disturbed:
			continue // nobody leads for a while
		case err != nil:
			return st, err
		case now.Phase == "done":
			return now, nil
		case now.Ended():
			return st, fmt.Errorf("job %s %s: %s", id, now.Phase, now.Error)
		}
		st = now
		if !disturbed {
			if disturbed, err = disturb(ctx, c, st); err != nil {
				return st, err
			}
		}
	}
}
