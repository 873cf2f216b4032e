// Package scenario is what is done to a cluster in the demo and, smaller, in the tests.
package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// Report says what a fail-over cost.
type Report struct {
	Job        string
	Tasks      int           // of the job
	DoneBefore int           // finished when the leader was killed
	Kept       int           // of these, not run again by the next leader
	FailOver   time.Duration // from the kill until another coordinator answered as leader
	Resumed    time.Duration // from the kill until a task more than before was done
	Total      time.Duration // of the job
	Final      cluster.Status
}

// Failover submits a job, kills the leader once share of the tasks is done, and a worker when another one leads, and
// waits for the end. say is told what happens.
func Failover(ctx context.Context, c *cluster.Cluster, share float64, say func(format string, args ...any), submit ...string) (Report, error) {
	var r Report
	began := time.Now()
	var err error
	if r.Job, err = c.Submit(ctx, submit...); err != nil {
		return r, err
	}
	say("submitted job %s", r.Job)
	var st cluster.Status
	err = cluster.Until(ctx, "a part of the tasks", func() (bool, error) {
		if st, err = c.Status(ctx, r.Job); err != nil {
			return false, err
		}
		if st.Ended() {
			return false, fmt.Errorf("the job is over already: %s %s", st.Phase, st.Error)
		}
		r.DoneBefore, r.Tasks = st.Done()
		return r.Tasks > 0 && float64(r.DoneBefore) >= share*float64(r.Tasks), nil
	})
	if err != nil {
		return r, err
	}
	leader, err := c.Leader(ctx)
	if err != nil {
		return r, err
	}
	say("killing the leader, %s (pid %d), with %d of %d tasks done", leader.Name, leader.Pid(), r.DoneBefore, r.Tasks)
	leader.Kill()
	killed := time.Now()
	err = cluster.Until(ctx, "another leader", func() (bool, error) {
		next, err := c.Leader(ctx)
		return err == nil && next != leader, err
	})
	if err != nil {
		return r, err
	}
	r.FailOver = time.Since(killed)
	say("another coordinator leads after %v", r.FailOver.Round(time.Millisecond))
	worker := c.Workers[0]
	say("killing %s (pid %d)", worker.Name, worker.Pid())
	worker.Kill()
	err = cluster.Until(ctx, "progress under the new leader", func() (bool, error) {
		st, err := c.Status(ctx, r.Job)
		if err != nil {
			return false, err
		}
		done, _ := st.Done()
		return st.Ended() || done > r.DoneBefore, nil
	})
	if err != nil {
		return r, err
	}
	r.Resumed = time.Since(killed)
	r.Final, err = c.WaitDone(ctx, r.Job)
	r.Kept, r.Total = r.Final.TasksKept, time.Since(began)
	return r, err
}
