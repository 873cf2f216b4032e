package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/internal/s3server"
)

// mapsRun counts, in a job's events, the attempts of maps that ended well and the times that finished maps had to be run
// again.
func mapsRun(events []cluster.Event) (done, again int) {
	for _, e := range events {
		switch {
		case e.Kind == "attempt-done" && strings.HasPrefix(e.Task, "map/"):
			done++
		case e.Kind == "maps-rerun":
			again++
		}
	}
	return done, again
}

// mapsDone waits until a share of the maps of a job is done, and counts them and all.
func mapsDone(t *testing.T, c *cluster.Cluster, id string, share float64) (done, all int) {
	t.Helper()
	err := cluster.Until(deadline(t, time.Minute), fmt.Sprintf("%v of the maps", share), func() (bool, error) {
		st, err := c.Status(t.Context(), id)
		if err != nil || len(st.Stages) == 0 {
			return false, err
		}
		done, all = st.Stages[0].Done, st.Stages[0].Tasks
		return all > 0 && float64(done) >= share*float64(all), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return done, all
}

// TestEveryWorkerKilled: with --shuffle store nothing finished is lost with all the workers, nor with them and the leader.
func TestEveryWorkerKilled(t *testing.T) {
	const files = 24
	ctx := deadline(t, 3*time.Minute)
	server := s3server.ForTest(t, s3server.VersityGW)
	b, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err == nil {
		err = b.Make(ctx, "cluster")
	}
	if err != nil {
		t.Fatal(err)
	}
	tree, out := textTree(t, files, 1000), filepath.Join(t.TempDir(), "out")
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: "s3://cluster/mrctl", Coordinators: 2, Workers: 2, Memory: "64MiB",
		Env: []string{"AWS_ENDPOINT_URL=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + server.AccessKey,
			"AWS_SECRET_ACCESS_KEY=" + server.SecretKey, "AWS_REGION=us-east-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	id, err := c.Submit(ctx, plugin(t, "slowcount"), tree, "-o", out, "--shared-fs", "--shuffle", "store", "--partitions", "3",
		"--split-size", "20KiB", "--", "-pause", "300ms")
	if err != nil {
		t.Fatal(err)
	}
	workers := func() {
		t.Helper()
		for _, w := range c.Workers {
			w.Kill()
		}
		for range 2 {
			if _, err := c.AddWorker(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, maps := mapsDone(t, c, id, 0.3)
	workers()
	before, _ := mapsDone(t, c, id, 0.6)
	if done, again := mapsRun(events(t, c, id)); again != 0 || done > maps {
		t.Errorf("all workers killed: %d maps of %d were finished, and %d times some were run again", done, maps, again)
	}
	leader, err := c.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	leader.Kill()
	workers()
	st, err := c.WaitDone(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if done, again := mapsRun(events(t, c, id)); st.TasksKept < before || again != 0 || done > maps-before {
		t.Errorf("leader and workers killed with %d of %d maps done: %d kept, %d finished then, and %d times some were run again",
			before, maps, st.TasksKept, done, again)
	}
	if in := st.Counters["map.records_in"]; in != files*1000 {
		t.Errorf("counted %d records, want %d", in, files*1000)
	}
	sameWords(t, out, tree)
	err = cluster.Until(ctx, "the runs to be removed from the store", func() (bool, error) {
		left, err := b.Keys(ctx, "cluster", "mrctl/jobs/"+id+"/runs/")
		return err == nil && len(left) == 0, err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRollingRestart: every process of a cluster is told to end and replaced, one after the other, while jobs run. Nothing
// is lost, nothing counts as failed, and the lease is given up rather than waited out.
func TestRollingRestart(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	dir := t.TempDir()
	tree := textTree(t, 40, 1000)
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: t.TempDir(), Store: filepath.Join(dir, "store"),
		Coordinators: 2, Workers: 3, Memory: "64MiB", LeaseTTL: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	var ids, outs []string
	for i := range 2 {
		outs = append(outs, filepath.Join(dir, fmt.Sprintf("out-%d", i)))
		id, err := c.Submit(ctx, plugin(t, "slowcount"), tree, "-o", outs[i], "--partitions", "3", "--split-size", "20KiB", "--", "-pause", "500ms")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	mapsDone(t, c, ids[0], 0.1)
	restart := func(p *cluster.Proc) {
		t.Helper()
		if _, err := c.Restart(ctx, p); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitWorkers(ctx, 3); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.Workers {
		restart(c.Workers[i])
	}
	for i, id := range ids {
		st, err := c.Status(ctx, id)
		if _, again := mapsRun(events(t, c, id)); err != nil || st.AttemptsFailed != 0 || again != 0 {
			t.Errorf("job %d with new workers: %d attempts failed, and %d times finished maps were run again; %v", i, st.AttemptsFailed, again, err)
		}
	}
	for i := range c.Coordinators {
		restart(c.Coordinators[i])
	}
	underway := 0
	for _, id := range ids {
		if st, err := c.Status(ctx, id); err != nil {
			t.Error(err)
		} else if !st.Ended() {
			underway++
		}
	}
	if underway == 0 {
		t.Error("the jobs were over before the last process was restarted")
	}
	for i, id := range ids {
		st, err := c.WaitDone(ctx, id)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, again := mapsRun(events(t, c, id)); st.AttemptsFailed != 0 || again != 0 {
			t.Errorf("job %d: %d attempts failed, and %d times finished maps were run again", i, st.AttemptsFailed, again)
		}
		if in := st.Counters["map.records_in"]; in != 40*1000 {
			t.Errorf("job %d counted %d records, want %d", i, in, 40*1000)
		}
		sameWords(t, outs[i], tree)
	}
}

func events(t *testing.T, c *cluster.Cluster, id string) []cluster.Event {
	t.Helper()
	all, err := c.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sameWords holds a word count against the reference.
func sameWords(t *testing.T, out, tree string) {
	t.Helper()
	got, err := reference.Parts(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := reference.WordCount(tree)
	if err != nil {
		t.Fatal(err)
	}
	if diff := reference.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}
