package integration

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/integration/chaos/storefault"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/internal/s3server"
)

// storm is how long the server refuses everything: longer than a lease, and than every task would take.
const storm = 20 * time.Second

// TestStorm: a server that answers 503 to all requests for a while costs a job that while, and no attempt. It is not
// stormed in turn: what the processes send together stays within what each may.
func TestStorm(t *testing.T) {
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
	tree := textTree(t, 20, 1000)
	if _, _, err := b.Upload(ctx, "input", "text/", tree); err != nil {
		t.Fatal(err)
	}
	faults := storefault.New(server.Endpoint, 1)
	defer faults.Close()
	door, err := faults.Door("cluster")
	if err != nil {
		t.Fatal(err)
	}
	const workers = 2
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: "s3://cluster/mrctl", Coordinators: 1, Workers: workers, Memory: "64MiB", Slots: 2,
		Env: []string{"AWS_ENDPOINT_URL=" + door.Endpoint(), "AWS_ACCESS_KEY_ID=" + server.AccessKey,
			"AWS_SECRET_ACCESS_KEY=" + server.SecretKey, "AWS_REGION=us-east-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	id, err := c.Submit(ctx, plugin(t, "slowcount"), "s3://input/text/", "-o", "s3://output/words",
		"--partitions", "4", "--split-size", "20KiB", "--", "-pause", "300ms")
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Until(ctx, "some tasks to be done", func() (bool, error) {
		s, err := c.Status(ctx, id)
		done, _ := s.Done()
		return done >= 3, err
	}); err != nil {
		t.Fatal(err)
	}
	var requests, writes atomic.Int64
	lift := faults.Set(func(r storefault.Request, _ *rand.Rand) storefault.Fate {
		requests.Add(1)
		if r.Write() {
			writes.Add(1)
		}
		return storefault.Fate{Refuse: true}
	})
	over := time.After(storm)
	select {
	case <-over:
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	lift()
	s, err := c.WaitDone(ctx, id)
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
	if s.AttemptsFailed != 0 {
		t.Errorf("%d attempts failed for it", s.AttemptsFailed)
	}
	// Each process has gates for records and data of a bucket, each of which lets ten failures through and then a call in
	// half a second at the most. What goes past them is a leader's write of its lease and a worker's look for the next leader,
	// every second or so.
	const most = (1 + workers) * 2 * (10 + 2*int64(storm/time.Second))
	t.Logf("%d requests in the storm, %d of them writes", requests.Load(), writes.Load())
	if n := requests.Load(); n > most {
		t.Errorf("%d requests in %v of storm, at most %d were to be", n, storm, most)
	}
}
