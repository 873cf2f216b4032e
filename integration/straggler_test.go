package integration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
)

var stragglers = flag.Duration("stragglers", 0, "hold the times of TestSlowWorker to the bounds of a quiet machine, with tasks of this length")

// TestSlowWorker: one worker of eight is ten times as slow as the others, by sleeping. Backups make up for it: the time
// with them is close to that of a cluster in which all are well, and the time without is not. The output is exact, and
// the job's history has the numbers of each decision.
func TestSlowWorker(t *testing.T) {
	const (
		workers = 8
		splits  = 28 // not a multiple of the workers, as in life: the last round has slots to spare
		stops   = 2  // of slowcount in a split
	)
	task := 1500 * time.Millisecond
	least, most := 1.2, 1.5 // the machine may have much else to do
	if *stragglers > 0 {
		task, least, most = *stragglers, 1.4, 1.15
	}
	ctx := deadline(t, 4*time.Minute)
	dir := t.TempDir()
	tree := evenTree(t, splits, 1000*stops, evenLine)
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: filepath.Join(dir, "store"), Coordinators: 1, Workers: workers, Memory: "64MiB"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	want, err := reference.WordCount(tree)
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, flags []string, pluginFlags ...string) (time.Duration, []cluster.Event) {
		t.Helper()
		out := filepath.Join(dir, name)
		args := append([]string{plugin(t, "slowcount"), tree, "-o", out, "--partitions", "2", "--split-size", fmt.Sprint(evenLine * 1000 * stops)}, flags...)
		args = append(append(args, "--", "-pause", (task/stops).String()), pluginFlags...)
		began := time.Now()
		id, err := c.Submit(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		st, err := c.WaitDone(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		got, err := reference.Parts(out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := reference.Diff(got, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if n := st.Counters["map.records_in"]; n != splits*1000*stops || st.AttemptsFailed != 0 {
			t.Errorf("%s: counted %d records, %d attempts failed", name, n, st.AttemptsFailed)
		}
		events, err := c.Events(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return took, events
	}
	slow := []string{"-slow", "worker-3.scratch"}
	run("warm", nil, "-pause", "1ms") // every worker has the plugin
	well, _ := run("well", nil)
	without, events := run("without", []string{"--no-backup"}, slow...)
	if n := count(events, "attempt-slow"); n > 0 {
		t.Errorf("%d backups of a job that wants none", n)
	}
	with, events := run("with", nil, slow...)
	t.Logf("%d tasks of %v, %d workers: %.2f s undisturbed; one worker 10 times as slow: %.2f s without backups, %.2f s with: without / with %.2f, with / undisturbed %.2f",
		splits, task, workers, well.Seconds(), without.Seconds(), with.Seconds(), without.Seconds()/with.Seconds(), with.Seconds()/well.Seconds())
	for _, e := range events {
		if e.Kind == "attempt-slow" || strings.Contains(e.Text, "backup of") {
			t.Logf("%s %s.%d: %s", e.Kind, e.Task, e.Attempt, e.Text)
		}
	}
	if count(events, "attempt-slow") == 0 {
		t.Error("no backup was started")
	}
	if r := without.Seconds() / with.Seconds(); r < least {
		t.Errorf("without backups it takes %.2f of the time with, want %.2f at least", r, least)
	}
	if r := with.Seconds() / well.Seconds(); r > most {
		t.Errorf("with backups it takes %.2f of the undisturbed time, want %.2f at most", r, most)
	}
}

func count(events []cluster.Event, kind string) (n int) {
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// evenLine is the bytes of a line of TestSlowWorker.
const evenLine = 40

// evenTree writes files of the same size, with lines of so many bytes.
func evenTree(t *testing.T, files, lines, width int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range files {
		var b []byte
		for j := range lines {
			line := fmt.Sprintf("f%03d w%05d w%05d", i, j, i*j%977)
			b = fmt.Appendf(b, "%-*s\n", width-1, line)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.txt", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
