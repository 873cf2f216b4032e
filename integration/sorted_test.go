package integration

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/local"
)

// inOrder reads the parts of a result one after the other, and how large each is.
func inOrder(t *testing.T, out string, parts int) (all []byte, sizes []int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(out, "part-*"))
	if err != nil || len(names) != parts {
		t.Fatalf("parts %v, want %d (%v)", names, parts, err)
	}
	for _, name := range names { // Glob sorts
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all, sizes = append(all, b...), append(sizes, len(b))
	}
	return all, sizes
}

// TestSortedRecords sorts records over all parts, which are about equal, with and without spilling, and with one key that half
// of the records have.
func TestSortedRecords(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	const size, off, end, records, parts = 20, 4, 10, 200_000, 5
	r := rand.New(rand.NewPCG(3, 4))
	in := make([]byte, size*records)
	for i := range in {
		in[i] = "0123456789"[r.IntN(10)]
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name, memory string
		heavy        bool
	}{{"spilled", "16MiB", false}, {"at once", "256MiB", false}, {"heavy", "64MiB", true}} {
		t.Run(c.name, func(t *testing.T) {
			data := bytes.Clone(in)
			if c.heavy {
				for i := 0; i < len(data); i += 2 * size {
					copy(data[i+off:], "500000")
				}
			}
			path, out := filepath.Join(dir, c.name+".bin"), filepath.Join(dir, c.name)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			res := mrctl(t, ctx, "run", sorter(t), path, "-o", out, "--input-format", "records:20", "--output-format", "records", "--sorted",
				"--key-bytes", "4:6", "--partitions", fmt.Sprint(parts), "--slots", "2", "--memory", c.memory, "--split-size", "1MB", "--quiet")
			if res.Code != 0 {
				t.Fatalf("exit %d\n%s", res.Code, res.Err)
			}
			all, sizes := inOrder(t, out, parts)
			got, want := slices.Collect(slices.Chunk(all, size)), slices.Collect(slices.Chunk(data, size))
			if !slices.IsSortedFunc(got, func(a, b []byte) int { return bytes.Compare(a[off:end], b[off:end]) }) {
				t.Error("the parts, one after the other, are not in order")
			}
			slices.SortFunc(got, bytes.Compare)
			slices.SortFunc(want, bytes.Compare)
			if !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%d records of %d, or others", len(got), len(want))
			}
			share := len(data) / parts
			if most := slices.Max(sizes); !c.heavy && most > share*5/4 || c.heavy && (most < len(data)/2 || most > len(data)/2+share) {
				t.Errorf("parts of %v bytes, the share of each is %d", sizes, share)
			}
		})
	}
}

// TestSortedFew: no input, fewer keys than parts, one part; and what is refused.
func TestSortedFew(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	few, none := filepath.Join(dir, "few.txt"), filepath.Join(dir, "none.txt")
	for path, text := range map[string]string{few: "b\na\nb\nb\n", none: ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct {
		in    string
		flags []string
		parts int
		want  string
	}{
		{few, []string{"--partitions", "4"}, 4, "a\t1\nb\t3\n"},
		{few, []string{"--partitions", "1"}, 1, "a\t1\nb\t3\n"},
		{few, []string{"--single"}, 1, "a\t1\nb\t3\n"},
		{none, []string{"--partitions", "3"}, 3, ""},
	} {
		out := filepath.Join(dir, fmt.Sprint("out-", i))
		res := mrctl(t, ctx, append([]string{"run", wordcount(t), c.in, "-o", out, "--sorted", "--quiet"}, c.flags...)...)
		if res.Code != 0 {
			t.Fatalf("%v: exit %d\n%s", c.flags, res.Code, res.Err)
		}
		if all, _ := inOrder(t, out, c.parts); string(all) != c.want {
			t.Errorf("%s %v: %q, want %q", c.in, c.flags, all, c.want)
		}
	}
	res := mrctl(t, ctx, "run", plugin(t, "torture"), few, "--sorted", "--quiet", "--", "-job", "placed")
	if res.Code != 2 || !strings.Contains(res.Err, "--sorted") || !strings.Contains(res.Err, "Partition") {
		t.Errorf("a job that places its keys itself: exit %d\n%s", res.Code, res.Err)
	}
	res = mrctl(t, ctx, "run", wordcount(t), few, "--sorted", "--partitions", "20000", "--quiet")
	if res.Code != 2 || !strings.Contains(res.Err, "at most 10000") {
		t.Errorf("too many parts to order: exit %d\n%s", res.Code, res.Err)
	}
}

// TestSortedSurvives: the leader is killed when the parts have been cut and most of them are made, and with it the worker
// that makes the last one and holds runs. The maps made again and the reduce that is left rest on the same cuts.
func TestSortedSurvives(t *testing.T) {
	const lines, parts = 200, 4
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
	store := filepath.Join(dir, "store")
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: store, Coordinators: 2, Workers: 2, Memory: "64MiB"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	out := filepath.Join(dir, "out")
	id, err := c.Submit(ctx, plugin(t, "fickle"), in, "-o", out, "--sorted", "--partitions", fmt.Sprint(parts), "--split-size", "256B",
		"--no-backup", "--", "-how", "order", "-pause", "4s")
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.Until(ctx, "all reduces but the slow one", func() (bool, error) {
		st, err := c.Status(ctx, id)
		if err != nil || st.Ended() || len(st.Stages) < 2 {
			return err == nil && st.Ended(), err
		}
		return st.Stages[1].Done == parts-1 && st.Stages[1].Running == 1, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	records, err := local.New(store, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cuts, err := ledger.ReadCuts(ctx, records, id, 0)
	if err != nil || len(cuts.Keys) != parts-1 {
		t.Fatalf("cuts %q: %v", cuts.Keys, err)
	}
	all, err := c.Events(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, e := range all {
		done[e.Task] = done[e.Task] || e.Kind == "attempt-done"
	}
	slow := reducer(t, c, slices.DeleteFunc(all, func(e cluster.Event) bool { return done[e.Task] }))
	leader, err := c.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	leader.Kill()
	slow.Kill()
	st, err := c.WaitDone(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if st.TasksKept < parts-1 {
		t.Errorf("%d finished tasks were kept, of %d", st.TasksKept, parts-1)
	}
	again := slices.ContainsFunc(events(t, c, id), func(e cluster.Event) bool {
		return e.Kind == "attempt-done" && strings.HasPrefix(e.Task, "map/") && e.Attempt >= ledger.AttemptsPerLeader
	})
	if !again {
		t.Error("no map was made again: the test has not shown what it is for")
	}
	body, _ := inOrder(t, out, parts)
	var keys, want []string
	for row := range strings.Lines(string(body)) {
		key, _, _ := strings.Cut(row, "\t")
		keys = append(keys, key)
	}
	for i := range lines {
		for k := range 32 {
			want = append(want, fmt.Sprintf("line-%04d/%d", i, k))
		}
	}
	want = append(want, "slow")
	slices.Sort(want)
	if !slices.Equal(keys, want) {
		t.Errorf("%d keys, want %d in order", len(keys), len(want))
	}
}
