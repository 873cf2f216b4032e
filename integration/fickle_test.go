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
)

// TestMapsThatAreNotDeterministic: a worker is killed that runs the last reduce and holds runs, after the other reduces
// have finished. The maps made again give something else. Either all parts rest on one run of each map, or the job fails
// and says why; where only the order of what a map gives differs, nothing is run again but what was lost.
func TestMapsThatAreNotDeterministic(t *testing.T) {
	for _, c := range []struct {
		how, policy string
		redone      bool
	}{
		{"values", "rerun", true}, {"keys", "rerun", true}, {"clock", "rerun", true}, {"order", "fail", false}, {"values", "fail", true},
	} {
		t.Run(c.how+"-"+c.policy, func(t *testing.T) { fickle(t, c.how, c.policy, c.redone) })
	}
}

func fickle(t *testing.T, how, policy string, redone bool) {
	const lines = 200
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	text := "slow\n"
	for i := range lines {
		text += fmt.Sprintf("line-%04d\n", i)
	}
	in := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: filepath.Join(dir, "store"), Coordinators: 1, Workers: 2, Memory: "64MiB"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	out := filepath.Join(dir, "out")
	id, err := c.Submit(ctx, plugin(t, "fickle"), in, "-o", out, "--partitions", "4", "--split-size", "256B", "--nondeterministic", policy,
		"--", "-how", how, "-pause", "4s")
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.Until(ctx, "all reduces but the slow one", func() (bool, error) {
		st, err := c.Status(ctx, id)
		if err != nil || st.Ended() {
			return err == nil, err
		}
		return st.Stages[1].Done == 3 && st.Stages[1].Running == 1, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.Events(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, e := range events {
		done[e.Task] = done[e.Task] || e.Kind == "attempt-done"
	}
	events = slices.DeleteFunc(events, func(e cluster.Event) bool { return done[e.Task] })
	reducer(t, c, events).Kill()
	st, err := c.WaitDone(ctx, id)
	if redone && policy == "fail" {
		if err == nil || !strings.Contains(st.Error, "not deterministic") {
			t.Errorf("the job is %s: %v", st.Phase, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if st.Redone() != redone {
		t.Errorf("reduces were run again: %v, want %v: %+v", st.Redone(), redone, st)
	}
	checkWhole(t, out, lines, how != "order")
}

// checkWhole checks that the pairs of each line are there once and, where alike, are those of one run of the map.
func checkWhole(t *testing.T, out string, lines int, alike bool) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(out, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	for _, p := range parts {
		body, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for row := range strings.Lines(string(body)) {
			key, value, _ := strings.Cut(strings.TrimSuffix(row, "\n"), "\t")
			line, _, _ := strings.Cut(key, "/")
			values[line] = append(values[line], value)
		}
	}
	if len(parts) != 4 || len(values) != lines+1 || len(values["slow"]) != 1 {
		t.Errorf("%d parts with pairs of %d lines", len(parts), len(values))
	}
	for line, list := range values {
		slices.Sort(list)
		if line != "slow" && (len(list) != 32 || alike && list[0] != list[31] || !alike && len(slices.Compact(list)) != 32) {
			t.Fatalf("%s gave %v", line, list)
		}
	}
}
