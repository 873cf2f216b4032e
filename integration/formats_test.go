package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
)

// TestResultsAreInputs: what a job wrote in a format, the next job reads: in this process and in a cluster, whole and in as
// many splits as there are.
func TestResultsAreInputs(t *testing.T) {
	ctx := deadline(t, 4*time.Minute)
	dir := t.TempDir()
	tree := textTree(t, 3, 500)
	want, err := reference.WordCount(tree)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	for _, x := range []struct{ format, compression string }{{"parquet", "none"}, {"arrow", "none"}, {"csv", "zstd"}, {"jsonl", "zstd"}} {
		t.Run(x.format, func(t *testing.T) {
			first := filepath.Join(dir, x.format)
			r := mrctl(t, ctx, "run", wordcount(t), tree, "-o", first, "--output-format", x.format, "--output-compression", x.compression, "--partitions", "2", "--quiet")
			if r.Code != 0 {
				t.Fatalf("exit %d\n%s", r.Code, r.Err)
			}
			for _, split := range []string{"700", "1GiB"} {
				args := []string{plugin(t, "tables"), first, "--split-size", split, "--partitions", "2", "--quiet"}
				if x.format == "csv" {
					args = append(args, "--csv-lines")
				}
				if r = mrctl(t, ctx, append([]string{"run"}, args...)...); r.Code != 0 {
					t.Fatalf("exit %d\n%s", r.Code, r.Err)
				}
				if diff := reference.Diff(reference.Lines(r.Out), want); diff != "" {
					t.Errorf("splits of %s: %s", split, diff)
				}
				out := filepath.Join(dir, x.format+split)
				r, err := c.Mrctl(ctx, append([]string{"submit", "-o", out, "--shared-fs"}, args...)...)
				if err != nil || r.Code != 0 {
					t.Fatalf("exit %d, %v\n%s", r.Code, err, r.Err)
				}
				lines, err := reference.Parts(out)
				if err != nil {
					t.Fatal(err)
				}
				if diff := reference.Diff(lines, want); diff != "" {
					t.Errorf("splits of %s in a cluster: %s", split, diff)
				}
			}
		})
	}
}

// TestTablesThatAreNone: what cannot be read is refused by name before any work.
func TestTablesThatAreNone(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	for name, body := range map[string]string{"junk.parquet": "PAR1 but no more", "a.csv": "key,number\nx,1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		plugin, file, want string
		args               []string
	}{
		{plugin(t, "tables"), "junk.parquet", "it is damaged", nil},
		{plugin(t, "tables"), "a.csv", "it has no column value", nil},
		{wordcount(t), "junk.parquet", `input format "parquet" gives rows, and this job maps text`, []string{"--input-format", "parquet"}},
	} {
		args := append([]string{"run", x.plugin, filepath.Join(dir, x.file), "--quiet"}, x.args...)
		if r := mrctl(t, ctx, args...); r.Code == 0 || !strings.Contains(r.Err, x.want) || x.args == nil && !strings.Contains(r.Err, x.file) {
			t.Errorf("%v: exit %d\n%s", args, r.Code, r.Err)
		}
	}
}
