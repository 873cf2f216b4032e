package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/integration/bench/gen"
	"github.com/mrctl/mrctl/integration/bench/measure"
	"github.com/mrctl/mrctl/internal/profile"
)

// Of all a run allocates, in both its processes, at most one object in a hundred records depends on how many there are, on
// each path that records take: what three times the input allocates more than the input, by the records it has more. The
// groups are the same for both, so that what the job's own Reduce allocates for each is left out.
func TestAllocationsOfAWholeRun(t *testing.T) {
	c, err := parse([]string{"-cache", t.TempDir(), "-scratch", t.TempDir(), "-memory", "256MiB"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKit(c, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	if err := k.begin(); err != nil {
		t.Fatal(err)
	}
	const size = 100_000_000 // which has nearly all of the keys
	for _, job := range []struct {
		plugin string
		kind   gen.Kind
		paths  float64 // that all records take: map, shuffle (for runs of other workers alone), reduce
		flags  []string
	}{
		{"examples/wordcount", gen.Text, 1, nil},
		{sortPlugin, gen.Printable, 2, sortFlags(8)},
		{"integration/bench/plugins/groups", gen.Uniform, 2, nil},
	} {
		var counted [2]int64
		for i := range counted {
			input, err := k.data(t.Context(), job.kind, int64(2*i+1)*size)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(k.scratch, fmt.Sprint(filepath.Base(job.plugin), i))
			// One task of each phase, so that their number is the same.
			command, err := k.mrctlRun(t.Context(), job.plugin, input, append([]string{"--profile", dir, "--split-size", "1GiB"}, job.flags...)...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := measure.Run(t.Context(), command(dir+".out")); err != nil {
				t.Fatal(err)
			}
			counted[i] = allocated(t, dir)
		}
		const records = 2 * size / 100 // all kinds have about 100 bytes a record
		each := float64(counted[1]-counted[0]) / records / job.paths
		t.Logf("%s: %d and %d objects, %.4f a record and path", job.plugin, counted[0], counted[1], each)
		if each > 0.01 {
			t.Errorf("%s: %.4f objects a record", job.plugin, each)
		}
	}
}

// allocated adds up what the processes of a run say they have allocated.
func allocated(t *testing.T, dir string) (sum int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+profile.Allocs))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing was counted: %v", err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
