package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// TestRerun: a job of a cluster is submitted again: one that failed to the place where its result was to go, one that is done to
// another; with files that have come since, other flags, or another plugin. What cannot be is refused before any work.
func TestRerun(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(in, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(in, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "x\ny\nx\n")
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 1, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	gate := filepath.Join(dir, "gate")
	call := func(code int, args ...string) cluster.Result {
		t.Helper()
		r, err := c.Mrctl(ctx, args...)
		if err != nil || r.Code != code {
			t.Fatalf("%q: exit %d, want %d (%v)\n%s", args, r.Code, code, err, r.Err)
		}
		return r
	}
	id, err := c.Submit(ctx, "--map", "cat; test -e "+gate, "--fold", "count", in, "-o", out, "--max-attempts", "1")
	if err != nil {
		t.Fatal(err)
	}
	if r := call(1, "watch", id); !strings.Contains(r.Err, "exit code 1") {
		t.Errorf("the job: %s", r.Err)
	}
	if r := call(1, "rerun", id); !strings.Contains(r.Err, id) || !strings.Contains(r.Err, "exit code 1") {
		t.Errorf("what made it fail is there still: %s", r.Err)
	}
	write("b", "y\nz\n")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	call(0, "rerun", id, "--priority", "3", "--quiet")
	if got := call(0, "cat", out).Out; got != "x\t2\ny\t2\nz\t1\n" {
		t.Errorf("again, with a file more: %q", got)
	}
	if r := call(2, "rerun", id); !strings.Contains(r.Err, "not empty") {
		t.Errorf("into its result: %s", r.Err)
	}
	other := filepath.Join(dir, "other")
	call(0, "rerun", id, "-o", other, "--plugin", wordcount(t), "--quiet", "--max-attempts", "2")
	if got := call(0, "cat", other).Out; got != "x\t2\ny\t2\nz\t1\n" {
		t.Errorf("by another plugin: %q", got)
	}
	if r := call(2, "rerun", id, "-o", other+"2", "--", "-by", "x"); !strings.Contains(r.Err, "one of commands") {
		t.Errorf("with flags for a plugin: %s", r.Err)
	}
	once := strings.TrimSpace(call(0, "rerun", id, "-o", filepath.Join(dir, "once"), "--request-id", "r1", "--detach", "--quiet").Out)
	if twice := strings.TrimSpace(call(0, "rerun", id, "-o", filepath.Join(dir, "once"), "--request-id", "r1", "--detach", "--quiet").Out); once == "" || once != twice {
		t.Errorf("one request gave %s and %s", once, twice)
	}
	if _, err := c.WaitDone(ctx, once); err != nil {
		t.Fatal(err)
	}
	if r := mrctl(t, ctx, "rerun", id); r.Code != 2 || !strings.Contains(r.Err, "--store") {
		t.Errorf("without a store: exit %d\n%s", r.Code, r.Err)
	}
	plugins, err := filepath.Glob(filepath.Join(dir, "store", "plugins", "*"))
	if err != nil || len(plugins) == 0 {
		t.Fatalf("plugins in the store: %v, %v", plugins, err)
	}
	for _, p := range plugins {
		if err := os.RemoveAll(p); err != nil {
			t.Fatal(err)
		}
	}
	if r := call(2, "rerun", id, "-o", filepath.Join(dir, "gone")); !strings.Contains(r.Err, "--plugin") {
		t.Errorf("without its plugin: %s", r.Err)
	}
}
