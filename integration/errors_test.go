package integration

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// TestEndings: what goes wrong ends with the right exit code and an error that names what, where and what next, and
// nothing half-written is left visible.
func TestEndings(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(in, []byte("fine\nalso fine\nthen BOOM here\nfine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, "precious.txt"), []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	never := filepath.Join(dir, "plugin-never")
	body, err := os.ReadFile(plugin(t, "misbehave"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(never, body, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wc, bad := wordcount(t), plugin(t, "misbehave")
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says []string
	}{
		{"no arguments", nil, []string{"run"}, 2, []string{"PLUGIN"}},
		{"unknown verb", nil, []string{"rum"}, 2, []string{"rum"}},
		{"unknown flag", nil, []string{"run", wc, in, "--no-such-flag"}, 2, []string{"no-such-flag"}},
		{"bad size", nil, []string{"run", wc, in, "--memory", "lots"}, 2, []string{"lots"}},
		{"unknown plugin flag", nil, []string{"run", wc, in, "--", "-wrong"}, 2, []string{"wrong"}},
		{"missing input", nil, []string{"run", wc, filepath.Join(dir, "nowhere.txt")}, 2, []string{"nowhere.txt"}},
		{"glob without a match", nil, []string{"run", wc, filepath.Join(dir, "*.nothing")}, 2, []string{"*.nothing"}},
		{"unknown plugin", nil, []string{"run", filepath.Join(dir, "no-plugin"), in}, 2, []string{"no-plugin"}},
		{"no plugin at all", nil, []string{"run", "/bin/ls", in}, 2, []string{"/bin/ls"}},
		{"output not empty", nil, []string{"run", wc, in, "-o", full}, 2, []string{full, "precious.txt"}},
		{"unreachable store", []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"},
			[]string{"jobs", "--store", "s3://bucket/x", "--s3-endpoint", "http://" + closed}, 3, []string{"s3://bucket/x"}},
		{"panic", nil, []string{"run", bad, in, "-o", "OUT", "--", "-how", "panic"}, 1, []string{"told to panic", "in.txt", "byte 15"}},
		{"exit", nil, []string{"run", bad, in, "-o", "OUT", "--", "-how", "exit"}, 1, []string{"exit", "7"}},
		{"error", nil, []string{"run", bad, in, "-o", "OUT", "--", "-how", "error"}, 1, []string{"told to fail", "in.txt", "byte 15"}},
		{"too many bad records", nil, []string{"run", bad, in, "-o", "OUT", "--max-bad-records", "0", "--", "-how", "bad"}, 1, []string{"told to be bad", "in.txt", "byte 15"}},
		{"hangs", nil, []string{"run", bad, in, "-o", "OUT", "--stall", "1s", "--max-attempts", "1", "--", "-how", "hang"}, 1, []string{"no progress", "map 0"}},
		{"never answers", nil, []string{"run", never, in, "-o", "OUT"}, 2, []string{"plugin-never"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := deadline(t, time.Minute)
			out := filepath.Join(t.TempDir(), "out")
			for i, a := range c.args {
				if a == "OUT" {
					c.args[i] = out
				}
			}
			r, err := cluster.Run(ctx, binary(t), append(private(t), c.env...), c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if r.Code != c.code {
				t.Errorf("exit %d, want %d", r.Code, c.code)
			}
			for _, s := range c.says {
				if !strings.Contains(r.Err, s) {
					t.Errorf("%q is not said", s)
				}
			}
			if r.Out != "" {
				t.Errorf("stdout: %q", r.Out)
			}
			if left, _ := os.ReadDir(out); len(visible(left)) > 0 {
				t.Errorf("left in the output folder: %v", visible(left))
			}
			if t.Failed() {
				t.Logf("stderr:\n%s", r.Err)
			}
		})
	}
	if b, err := os.ReadFile(filepath.Join(full, "precious.txt")); err != nil || string(b) != "keep" {
		t.Error("the file in the output folder was touched", err)
	}
}

// visible are the entries of an output folder that a reader would take for output.
func visible(entries []os.DirEntry) (names []string) {
	for _, e := range entries {
		if e.Name() != "_mrctl" {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestBadRecordsAreCounted: set aside, counted, the rest is counted right.
func TestBadRecordsAreCounted(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(in, []byte("fine\nBOOM\nfine\nBOOM\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := mrctl(t, ctx, "run", plugin(t, "misbehave"), in, "-o", filepath.Join(dir, "out"), "--json", "--", "-how", "bad")
	if r.Code != 0 || !strings.Contains(r.Out, `"map.bad_records":2`) {
		t.Errorf("exit %d\n%s\n%s", r.Code, r.Out, r.Err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out", "part-00000.tsv"))
	if err != nil || string(b) != "fine\t2\n" {
		t.Errorf("%q, %v", b, err)
	}
}
