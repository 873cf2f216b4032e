package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
)

// TestTails: one worker of four is ten times as slow as the others. It hands over what it has not read to those that have
// nothing to do, and its leader is killed as soon as that has happened. The output is exact, with runs on workers, with runs
// in the store, and in parts that are ordered overall.
func TestTails(t *testing.T) {
	const (
		splits = 7
		lines  = 40000
		width  = 400
	)
	tree := evenTree(t, splits, lines, width)
	want, err := reference.WordCount(tree)
	if err != nil {
		t.Fatal(err)
	}
	for name, how := range map[string][]string{
		"worker": {"--shuffle", "worker"}, "store": {"--shuffle", "store"}, "sorted": {"--shuffle", "store", "--sorted"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t, 2*time.Minute)
			dir := t.TempDir()
			c, err := cluster.Start(ctx, cluster.Options{
				Binary: binary(t), Dir: t.TempDir(), Store: filepath.Join(dir, "store"), Coordinators: 2, Workers: 4, Memory: "8MiB"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Stop() }()
			t.Cleanup(func() { showLogs(t, c) })
			out := filepath.Join(dir, "out")
			args := append([]string{plugin(t, "slowcount"), tree, "-o", out, "--partitions", "2", "--split-size", fmt.Sprint(lines * width)}, how...)
			id, err := c.Submit(ctx, append(args, "--", "-pause", "100ms", "-slow", "worker-3.scratch")...)
			if err != nil {
				t.Fatal(err)
			}
			err = cluster.Until(ctx, "a tail", func() (bool, error) {
				events, err := c.Events(ctx, id)
				if err != nil {
					return false, err
				}
				for _, e := range events {
					if e.Kind == "task-cut" {
						t.Logf("%s.%d: %s", e.Task, e.Attempt, e.Text)
						return true, nil
					}
				}
				st, err := c.Status(ctx, id)
				if err == nil && st.Ended() {
					for _, e := range events {
						t.Logf("%s %s.%d %s: %s", e.Kind, e.Task, e.Attempt, e.Worker, e.Text)
					}
					err = fmt.Errorf("the job ended as %s and no tail was handed over", st.Phase)
				}
				return false, err
			})
			if err != nil {
				t.Fatal(err)
			}
			leader, err := c.Leader(ctx)
			if err != nil {
				t.Fatal(err)
			}
			leader.Kill()
			st, err := c.WaitDone(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if n := st.Counters["map.records_in"]; n != splits*lines || st.Counters["map.bytes_in"] != splits*lines*width || st.AttemptsFailed != 0 {
				t.Errorf("counted %d records and %d bytes, %d attempts failed", n, st.Counters["map.bytes_in"], st.AttemptsFailed)
			}
			if st.Stages[0].Tasks <= splits {
				t.Errorf("%d map tasks", st.Stages[0].Tasks)
			}
			if name == "sorted" {
				all, _ := inOrder(t, out, 2)
				if rows := strings.Split(string(all), "\n"); !slices.IsSorted(rows[:len(rows)-1]) {
					t.Error("the parts, one after the other, are not in order")
				}
			}
			got, err := reference.Parts(out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := reference.Diff(got, want); diff != "" {
				t.Error(diff)
			}
		})
	}
}
