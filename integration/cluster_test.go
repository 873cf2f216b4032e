package integration

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/integration/scenario"
	"github.com/mrctl/mrctl/internal/s3server"
)

// TestLeaderAndWorkerKilled is the scenario of make cluster-demo, smaller, over versitygw: separate processes, the
// leader killed in mid-job and a worker too; the output is exact and finished tasks are kept.
func TestLeaderAndWorkerKilled(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	server := s3server.ForTest(t, s3server.VersityGW)
	b, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cluster", "input", "output"} {
		if err := b.Make(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	tree := textTree(t, 40, 2000)
	if _, _, err := b.Upload(ctx, "input", "text/", tree); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: "s3://cluster/mrctl", Coordinators: 3, Workers: 3, Memory: "64MiB",
		Env: []string{"AWS_ENDPOINT_URL=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + server.AccessKey,
			"AWS_SECRET_ACCESS_KEY=" + server.SecretKey, "AWS_REGION=us-east-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	r, err := scenario.Failover(ctx, c, 0.3, t.Logf, plugin(t, "slowcount"), "s3://input/text/", "-o", "s3://output/words",
		"--partitions", "4", "--split-size", "50KiB", "--", "-pause", "300ms")
	if err != nil {
		t.Fatal(err)
	}
	got, found, err := b.Parts(ctx, "output", "words/")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	want, err := reference.WordCount(tree)
	if err != nil {
		t.Fatal(err)
	}
	if diff := reference.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	if r.Kept == 0 {
		t.Errorf("none of the %d finished tasks was kept", r.DoneBefore)
	}
	if in := r.Final.Counters["map.records_in"]; in != 40*2000 {
		t.Errorf("counted %d records, want %d", in, 40*2000)
	}
	t.Logf("%+v", r)
}

// TestSubmissionWithoutALeader: a job submitted to a store nobody leads runs when a cluster comes up.
func TestSubmissionWithoutALeader(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	tree := textTree(t, 2, 100)
	c := &cluster.Cluster{Options: cluster.Options{Binary: binary(t), Store: filepath.Join(dir, "store")}}
	id, err := c.Submit(ctx, plugin(t, "slowcount"), tree, "-o", filepath.Join(dir, "out"), "--request-id", "once")
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Submit(ctx, plugin(t, "slowcount"), tree, "-o", filepath.Join(dir, "out"), "--request-id", "once")
	if err != nil || again != id {
		t.Fatalf("the same request gave jobs %s and %s, %v", id, again, err)
	}
	c, err = cluster.Start(ctx, cluster.Options{Binary: c.Binary, Dir: t.TempDir(), Store: c.Store, Coordinators: 1, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	if _, err := c.WaitDone(ctx, id); err != nil {
		t.Fatal(err)
	}
	got, err := reference.Parts(filepath.Join(dir, "out"))
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

// showLogs prints what the processes logged, if the test failed.
func showLogs(t *testing.T, c *cluster.Cluster) {
	if !t.Failed() {
		return
	}
	for _, p := range append(append([]*cluster.Proc{}, c.Coordinators...), c.Workers...) {
		b, err := os.ReadFile(p.Log)
		if err != nil {
			t.Log(err)
			continue
		}
		t.Logf("---- %s\n%s", p.Name, b[max(0, len(b)-6000):])
	}
}
