package integration

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func sorter(t *testing.T) string {
	t.Helper()
	return build(t, "github.com/mrctl/mrctl/integration/bench/plugins/sort")
}

// TestSortRecords sorts records by bytes in their middle, in so many splits and so little memory that runs are spilled
// and merged.
func TestSortRecords(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	const size, off, end = 20, 4, 10
	r := rand.New(rand.NewPCG(1, 2))
	in := make([]byte, size*200_000)
	for i := range in {
		in[i] = "0123456789"[r.IntN(10)]
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "in.bin")
	if err := os.WriteFile(path, in, 0o600); err != nil {
		t.Fatal(err)
	}
	want := slices.Collect(slices.Chunk(in, size))
	slices.SortFunc(want, bytes.Compare)
	for _, memory := range []string{"16MiB", "256MiB"} {
		out := filepath.Join(dir, memory)
		res := mrctl(t, ctx, "run", sorter(t), path, "-o", out, "--input-format", "records:20", "--output-format", "records",
			"--key-bytes", "4:6", "--partitions", "3", "--slots", "2", "--memory", memory, "--split-size", "4MB", "--quiet")
		if res.Code != 0 {
			t.Fatalf("exit %d\n%s", res.Code, res.Err)
		}
		parts, err := filepath.Glob(filepath.Join(out, "part-*.records"))
		if err != nil || len(parts) != 3 {
			t.Fatalf("parts %v (%v)", parts, err)
		}
		var got [][]byte
		for _, p := range parts {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			part := slices.Collect(slices.Chunk(b, size))
			if !slices.IsSortedFunc(part, func(a, b []byte) int { return bytes.Compare(a[off:end], b[off:end]) }) {
				t.Errorf("%s is not in order", p)
			}
			got = append(got, part...)
		}
		slices.SortFunc(got, bytes.Compare)
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("memory %s: %d records of %d, or others", memory, len(got), len(want))
		}
	}
}

// TestSortLines prints lines in order, and sets those aside that are too short to have a key.
func TestSortLines(t *testing.T) {
	ctx := deadline(t, time.Minute)
	path := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(path, []byte("pear 3\r\nfig 2\n\napple 9\nfig 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	res := mrctl(t, ctx, "run", sorter(t), path, "--partitions", "1", "--quiet")
	if want := "\napple 9\nfig 1\nfig 2\npear 3\n"; res.Code != 0 || res.Out != want {
		t.Errorf("exit %d, %q\n%s", res.Code, res.Out, res.Err)
	}
	res = mrctl(t, ctx, "run", sorter(t), path, "--partitions", "1", "--quiet", "--key-bytes", "4:1")
	if want := "pear 3\nfig 1\nfig 2\napple 9\n"; res.Code != 0 || res.Out != want {
		t.Errorf("by byte 4: exit %d, %q\n%s", res.Code, res.Out, res.Err)
	}
	res = mrctl(t, ctx, "run", sorter(t), path, "--partitions", "1", "--quiet", "--key-bytes", "4:1", "--max-bad-records", "0")
	if res.Code != 2 && res.Code != 1 || !strings.Contains(res.Err, path) {
		t.Errorf("an empty line has no key: exit %d\n%s", res.Code, res.Err)
	}
}
