package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
)

// TestReducesStartEarly: one map takes far longer than the others. Reduces start beside it and fetch what there is; a
// worker is killed while they wait, with runs that they have and runs that they lack. The output is exact, and nothing of
// it counts as a failure.
func TestReducesStartEarly(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	dir := t.TempDir()
	tree := textTree(t, 12, 1000)
	if err := os.WriteFile(filepath.Join(tree, "slow.txt"), []byte("slow one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: filepath.Join(dir, "store"), Coordinators: 1, Workers: 4, Memory: "64MiB"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	out := filepath.Join(dir, "out")
	id, err := c.Submit(ctx, plugin(t, "slowcount"), tree, "-o", out, "--partitions", "3", "--split-size", "16KiB", "--no-backup", "--", "-pause", "10s", "-at", "slow")
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.Until(ctx, "reduces that wait for the last map", func() (bool, error) {
		st, err := c.Status(ctx, id)
		if err != nil || st.Ended() {
			return err == nil, err
		}
		m, r := st.Stages[0], st.Stages[1]
		return m.Done == m.Tasks-1 && r.Running == 3 && r.RunsWanted == 3*m.Tasks && r.RunsFetched == 3*m.Done, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := c.Status(ctx, id); err != nil || st.Ended() {
		t.Fatal("no reduce was seen to wait", err)
	}
	events, err := c.Events(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	victim := reducer(t, c, events)
	t.Logf("killing %s", victim.Name)
	victim.Kill()
	st, err := c.WaitDone(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if events, err = c.Events(ctx, id); err != nil {
		t.Fatal(err)
	}
	lastMap := slices.IndexFunc(events, func(e cluster.Event) bool { return e.Kind == "stage-done" && strings.HasPrefix(e.Text, "map") })
	early, remade, yielded := 0, 0, 0
	for i, e := range events {
		switch {
		case e.Kind == "attempt-started" && strings.HasPrefix(e.Task, "reduce/") && i < lastMap:
			early++
		case e.Kind == "attempt-started" && strings.HasPrefix(e.Task, "map/") && e.Attempt > 0:
			remade++
		case e.Kind == "attempt-yielded":
			yielded++
		}
	}
	if early < 3 || remade == 0 || yielded == 0 || st.AttemptsFailed != 0 {
		t.Errorf("%d reduces started before the last map ended, %d maps were made again, %d reduces yielded, %d attempts failed",
			early, remade, yielded, st.AttemptsFailed)
	}
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
	if in := st.Counters["map.records_in"]; in != 12*1000+1 {
		t.Errorf("counted %d records, want %d", in, 12*1000+1)
	}
	if t.Failed() {
		for _, e := range events {
			t.Logf("%+v", e)
		}
	}
}

// reducer finds a process that runs a reduce.
func reducer(t *testing.T, c *cluster.Cluster, events []cluster.Event) *cluster.Proc {
	t.Helper()
	for _, e := range events {
		for _, p := range c.Workers {
			if e.Kind == "attempt-started" && strings.HasPrefix(e.Task, "reduce/") && strings.Contains(e.Worker, fmt.Sprintf("-%d-", p.Pid())) {
				return p
			}
		}
	}
	t.Fatalf("no worker runs a reduce: %+v", events)
	return nil
}
