package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// rowsIn reads the rows of an output of a result, in order of its parts. Every output has as many parts.
func rowsIn(t *testing.T, dir, name string) (rows []string, parts int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, name, "part-*.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, linesIn(string(b))...)
	}
	return rows, len(files)
}

// linesIn are the lines of a text in their order.
func linesIn(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// killed runs a job on a cluster whose leader and one worker are killed when it is half way.
func killed(t *testing.T, ctx context.Context, dir string, args ...string) cluster.Status {
	t.Helper()
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 2, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	id, err := c.Submit(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Until(ctx, "the middle of the job", func() (bool, error) {
		s, err := c.Status(ctx, id)
		return err == nil && len(s.Stages) > 0 && 3*s.Stages[0].Done >= s.Stages[0].Tasks && s.Stages[0].Tasks > 0, err
	}); err != nil {
		t.Fatal(err)
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
	return s
}

// TestOnlyMaps: a job without a reduce leaves the rows in the order of the input, and those of its named output beside
// them, on one machine and on a cluster that loses its leader and a worker.
func TestOnlyMaps(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	dir := t.TempDir()
	var text strings.Builder
	var want []string
	empty := 0
	for i := range 3000 {
		line := fmt.Sprintf("line %d of many", i)
		if i%10 == 7 {
			line, empty = "", empty+1
		} else {
			want = append(want, fmt.Sprintf("%s\t%d", strings.ToUpper(line), len(line)))
		}
		text.WriteString(line + "\n")
	}
	in := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(in, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := plugin(t, "outputs")
	check := func(out string) {
		t.Helper()
		rows, parts := rowsIn(t, out, "")
		if !slices.Equal(rows, want) || parts < 2 {
			t.Errorf("%d rows in %d parts are not the %d of the input in their order", len(rows), parts, len(want))
		}
		if rows, n := rowsIn(t, out, "empty"); len(rows) != empty || n != parts {
			t.Errorf("%d rows in %d parts of the named output, want %d in %d", len(rows), n, empty, parts)
		}
	}
	out := filepath.Join(dir, "run")
	if r := mrctl(t, ctx, "run", bin, in, "-o", out, "--quiet", "--split-size", "9000", "--", "-lines"); r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Err)
	}
	check(out)
	if r := mrctl(t, ctx, "cat", out); r.Code != 0 || !slices.Equal(linesIn(r.Out), want) {
		t.Errorf("cat: exit %d, %d bytes\n%s", r.Code, len(r.Out), r.Err)
	}
	if r := mrctl(t, ctx, "cat", out+"/empty"); r.Code != 0 || strings.Count(r.Out, "\n") != empty {
		t.Errorf("cat of the named output: exit %d, %q\n%s", r.Code, r.Out, r.Err)
	}
	out = filepath.Join(dir, "cluster")
	s := killed(t, ctx, dir, bin, in, "-o", out, "--split-size", "900", "--", "-lines")
	check(out)
	if s.Counters["map.records_in"] != 3000 || s.Counters["output.empty.rows"] != int64(empty) || len(s.Stages) != 1 {
		t.Errorf("%+v", s)
	}
}

// TestNamedOutputs: what a reduce writes besides its rows is there once, whatever dies, and is accounted for.
func TestNamedOutputs(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	dir := t.TempDir()
	var text strings.Builder
	var often, once, long []string
	for i := range 2000 {
		word := fmt.Sprint("w", i*i)
		n := 1 + i%3
		text.WriteString(strings.Repeat(word+" ", n) + "\n")
		row := fmt.Sprintf("%s\t%d", word, n)
		if n == 1 {
			once = append(once, row)
		} else {
			often = append(often, row)
		}
		if len(word) > 6 {
			long = append(long, fmt.Sprintf("%s\t%d", word, len(word)))
		}
	}
	in := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(in, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := plugin(t, "outputs")
	check := func(out string) {
		t.Helper()
		for name, want := range map[string][]string{"": often, "once": once, "long": long} {
			rows, parts := rowsIn(t, out, name)
			slices.Sort(rows)
			slices.Sort(want)
			if !slices.Equal(rows, want) || parts != 4 {
				t.Errorf("output %q: %d rows in %d parts, want %d in 4", name, len(rows), parts, len(want))
			}
		}
	}
	out := filepath.Join(dir, "run")
	if r := mrctl(t, ctx, "run", bin, in, "-o", out, "--quiet", "--split-size", "9000", "--partitions", "4"); r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Err)
	}
	check(out)
	out = filepath.Join(dir, "cluster")
	s := killed(t, ctx, dir, bin, in, "-o", out, "--split-size", "900", "--partitions", "4")
	check(out)
	if s.Counters["output.once.rows"] != int64(len(once)) || s.Counters["output.long.rows"] != int64(len(long)) {
		t.Errorf("%+v", s.Counters)
	}
}
