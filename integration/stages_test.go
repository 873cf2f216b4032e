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

// TestStages runs a job of three stages, of which the last reads both others: by hand, on one machine and on a cluster of
// which a coordinator and a worker are killed between two stages.
func TestStages(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	dir := t.TempDir()
	text, often, longest := "", map[int]int{}, map[int]string{}
	for i := range 400 {
		word := fmt.Sprintf("w%c%d", 'a'+i%26, i)
		n := 1 + i%7
		text += strings.Repeat(word+" ", n) + "\n"
		often[n]++
		if len(word) > len(longest[n]) || len(word) == len(longest[n]) && word < longest[n] {
			longest[n] = word
		}
	}
	var want []string
	for n := range often {
		name := ""
		if n%2 == 0 {
			name = fmt.Sprint("name ", n)
		}
		want = append(want, fmt.Sprintf("%d\t%s\t%d\t%s", n, name, often[n], longest[n]))
	}
	slices.Sort(want)
	in, names := filepath.Join(dir, "in.txt"), filepath.Join(dir, "names.csv")
	for name, body := range map[string]string{in: text, names: "n,name\n2,name 2\n4,name 4\n6,name 6\n"} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bin := plugin(t, "stages")
	check := func(what string, code int, out, stderr string) {
		t.Helper()
		rows := reference.Lines(out)
		slices.Sort(rows)
		if code != 0 || !slices.Equal(rows, want) {
			t.Errorf("%s: exit %d\n%s\nwant\n%s\n%s", what, code, out, strings.Join(want, "\n"), stderr)
		}
	}
	inputs := []string{"--input", "text=" + in, "--input", "names=" + names}
	r := mrctl(t, ctx, append([]string{"run", bin, "--quiet", "--split-size", "700", "--partitions", "2", "--sorted"}, inputs...)...)
	check("run", r.Code, r.Out, r.Err)
	r = mrctl(t, ctx, "run", bin, "--input", "text="+in)
	if r.Code != 2 || !strings.Contains(r.Err, "its input names is missing") {
		t.Errorf("without an input of the last stage: exit %d\n%s", r.Code, r.Err)
	}

	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 2, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	out := filepath.Join(dir, "out")
	id, err := c.Submit(ctx, append([]string{bin, "-o", out, "--split-size", "100", "--partitions", "2"}, inputs...)...)
	if err != nil {
		t.Fatal(err)
	}
	for { // the second stage, or already a later one
		s, err := c.Status(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Stages) > 2 {
			break
		}
	}
	leader, err := c.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	leader.Kill()
	c.Workers[0].Kill()
	s, err := c.WaitDone(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, part := range []string{"part-00000.tsv", "part-00001.tsv"} {
		b, err := os.ReadFile(filepath.Join(out, part))
		if err != nil {
			t.Error(err)
		}
		all.Write(b)
	}
	check("submit", 0, all.String(), s.Error)
	if s.Counters["user.words"] != 400 || len(s.Stages) != 6 || s.Stages[5].Name != "3:reduce" {
		t.Errorf("%+v", s)
	}
	var left []string // removed once the end is durable, which is when it is told
	if err := cluster.Until(ctx, "the removal of rows between stages", func() (bool, error) {
		left, err = filepath.Glob(filepath.Join(dir, "store", "jobs", "*", "stage-*", "out", "*"))
		return len(left) == 0, err
	}); err != nil {
		t.Errorf("rows between stages are left behind: %q, %v", left, err)
	}
}
