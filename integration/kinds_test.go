package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// TestKindsThroughAllHops: what goes wrong in a plugin, or before there is a job, is told to the client of
// a real cluster as what it was: kind, first cause and exit code.
func TestKindsThroughAllHops(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(in, []byte("fine\nthen BOOM here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 1, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, "precious.txt"), []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := plugin(t, "misbehave")
	for _, x := range []struct {
		name, kind, cause string // no kind: it is refused before there is a job
		code              int
		input, out        string
		args              []string
	}{
		{"the job's function", "user-code", "told to fail", 1, in, "o1", []string{"--", "-how", "error"}},
		{"a panic", "user-code", "told to panic", 1, in, "o2", []string{"--", "-how", "panic"}},
		{"the end of its process", "user-code", "told to exit", 1, in, "o3", []string{"--", "-how", "exit"}},
		{"an input that is not there", "", "nowhere", 2, filepath.Join(dir, "nowhere.txt"), "o4", nil},
		{"an output that is taken", "", "precious.txt", 2, in, "full", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			args := []string{"submit", bad, x.input, "-o", filepath.Join(dir, x.out), "--shared-fs", "--max-attempts", "2"}
			r, err := c.Mrctl(ctx, append(args, x.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if r.Code != x.code || !strings.Contains(r.Err, x.cause) {
				t.Errorf("exit code %d, want %d, and %q in:\n%s", r.Code, x.code, x.cause, r.Err)
			}
			if x.kind == "" {
				return
			}
			list, err := c.Mrctl(ctx, "jobs", "--json")
			if err != nil {
				t.Fatal(err)
			}
			var last struct {
				ErrorKind string `json:"error_kind"`
				Error     string `json:"error"`
			}
			line, _, _ := strings.Cut(list.Out, "\n")
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			if last.ErrorKind != x.kind || !strings.Contains(last.Error, x.cause) {
				t.Errorf("the job says %+v, want %s and %q", last, x.kind, x.cause)
			}
		})
	}
}
