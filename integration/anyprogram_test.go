package integration

import (
	binenc "encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/internal/s3server"
)

// shell gives what a command line writes, for comparison.
func shell(t *testing.T, dir, line string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// TestCommandsAsPipes: jobs of commands, each in one process, give what the pipe of the shell does that they stand for.
func TestCommandsAsPipes(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	tree := textTree(t, 3, 2000)
	for _, c := range []struct {
		name, pipe string
		args       []string
	}{
		{"grep | sort | uniq -c", `cat * | grep -o 'w1[0-9]*' | sort | uniq -c`, []string{"--map", `grep -o 'w1[0-9]*'`, "--reduce", "uniq -c"}},
		{"grep | sort | uniq -c, folded", `cat * | grep -o 'w1[0-9]*' | sort | uniq -c | awk '{ print $2 "\t" $1 }'`,
			[]string{"--map", `grep -o 'w1[0-9]*'`, "--fold", "count"}},
		{"sort", `cat * | sort`, []string{"--map", "cat", "--reduce", "cat"}},
		{"sort -u", `cat * | sort -u`, []string{"--map", "cat", "--combine", "uniq", "--reduce", "uniq"}},
		{"values in order", `cat * | awk '{ print $1 "\t" $NF "\t" NF }' | sort | awk -F'\t' '$1 != key { print; key = $1 }'`, []string{"--sort-values",
			"--map", `awk '{ print $1 "\t" $NF "\t" NF }'`, "--reduce", `awk -F'\t' '$1 != key { print; key = $1 }'`}},
		{"keys of two fields", `cat * | awk '{ print $1 "\t" NF }' | sort | uniq -c`, []string{"--key-fields", "2",
			"--map", `awk '{ print $1 "\t" NF }'`, "--reduce", "uniq -c"}},
		{"nothing found", `cat * | grep nowhere | cat`, []string{"--map", "grep nowhere", "--ok-exit", "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := shell(t, tree, c.pipe)
			r := mrctl(t, ctx, append(append([]string{"run", "--quiet", "--partitions", "1", "--split-size", "20KiB"}, c.args...), tree)...)
			if r.Code != 0 || r.Out != want {
				t.Errorf("exit %d, %d bytes, want %d\n%s", r.Code, len(r.Out), len(want), r.Err)
			}
		})
	}
	r := mrctl(t, ctx, "run", "--quiet", "--split-size", "20KiB", "--map-only", "--map", "grep w1", "--ok-exit", "1", tree)
	if want := shell(t, tree, "cat * | grep w1"); r.Code != 0 || r.Out != want {
		t.Errorf("exit %d, %d bytes, want %d\n%s", r.Code, len(r.Out), len(want), r.Err)
	}
	r = mrctl(t, ctx, "run", "--quiet", "--split-size", "20KiB", "--map-only", "--framing", "binary", "--map", "cat", tree)
	var framed strings.Builder
	for line := range strings.Lines(shell(t, tree, "cat *")) {
		line = strings.TrimSuffix(line, "\n")
		framed.Write(binary4(len(line)))
		framed.WriteString(line)
	}
	if r.Code != 0 || r.Out != framed.String() {
		t.Errorf("exit %d, %d bytes, want %d\n%s", r.Code, len(r.Out), framed.Len(), r.Err)
	}
	script := filepath.Join(t.TempDir(), "up.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntr a-z A-Z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = mrctl(t, ctx, "run", "--quiet", "--partitions", "1", "--map", "./up.sh", "--file", script, tree)
	if want := shell(t, tree, "cat * | tr a-z A-Z | sort"); r.Code != 0 || r.Out != want {
		t.Errorf("exit %d, %d bytes, want %d\n%s", r.Code, len(r.Out), len(want), r.Err)
	}
	r = mrctl(t, ctx, "run", "--quiet", "--max-attempts", "1", "--attempt-timeout", "300ms", "--map", "sleep 1000", tree)
	if r.Code != 1 || !strings.Contains(r.Err, "--attempt-timeout") {
		t.Errorf("exit %d\n%s", r.Code, r.Err)
	}
	r = mrctl(t, ctx, "run", "--quiet", "--max-attempts", "1", "--map", "echo its last words >&2; exit 7", tree)
	if r.Code != 1 || !strings.Contains(r.Err, "exit code 7") || !strings.Contains(r.Err, "its last words") {
		t.Errorf("exit %d\n%s", r.Code, r.Err)
	}
	for _, args := range [][]string{
		{"--map", "cat", "--fold", "mean", tree}, {"--map", "cat"}, {"--map", "cat", tree, "--", "-x"}, {"--map", "cat", "--ok-exit", "x", tree}, {"--map", "cat", "--file", "nowhere", tree},
		{"--map", "cat", "--record-timeout", "1s", tree}, {"--fold", "count", "--reduce", "cat", tree},
		{"--map", "cat", "--key-fields", "0", tree}, {"--map", "cat", "--key-fields", "2", "--fold", "count", tree},
		{"--map", "cat", "--sort-values", "--fold", "sum", tree}, {"--map", "cat", "--sort-values", "--framing", "binary", tree},
		{"--map", "cat", "--sort-values", "--map-only", tree}, {"--sort-values", "--sorted", tree},
		{"--map-only", tree}, {"--map", "cat", "--map-only", "--reduce", "cat", tree}, {"--map", "cat", "--map-only", "--partitions", "2", tree},
		{"--map", "cat", "--map-only", "--single", "-o", t.TempDir(), tree}, {"--map", "cat", "--map-only", "--sorted", tree},
	} {
		if r := mrctl(t, ctx, append([]string{"run", "--quiet"}, args...)...); r.Code != 2 {
			t.Errorf("%v: exit %d, want 2\n%s", args, r.Code, r.Err)
		}
	}
}

// TestCommandsOnACluster: a job of commands over a bucket, on workers that get mrctl itself as its plugin.
func TestCommandsOnACluster(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	server := s3server.ForTest(t, s3server.VersityGW)
	b, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cluster", "input", "output"} {
		if err := b.Make(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	tree := textTree(t, 6, 1000)
	if _, _, err := b.Upload(ctx, "input", "text/", tree); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: t.TempDir(), Store: "s3://cluster/mrctl", Coordinators: 1, Workers: 2, Memory: "64MiB",
		Env: []string{"AWS_ENDPOINT_URL=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + server.AccessKey,
			"AWS_SECRET_ACCESS_KEY=" + server.SecretKey, "AWS_REGION=us-east-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	id, err := c.Submit(ctx, "--map", `grep -o 'w1[0-9]*'; echo reporter:counter:grep,calls,1 >&2`, "--reduce", "uniq -c", "s3://input/text/",
		"-o", "s3://output/found", "--partitions", "2", "--split-size", "8KiB")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.WaitDone(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	got, found, err := b.Parts(ctx, "output", "found/")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	want := strings.Split(strings.TrimSuffix(shell(t, tree, `cat * | grep -o 'w1[0-9]*' | sort | uniq -c | sort`), "\n"), "\n")
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d lines, want %d:\n%.500q\n%.500q", len(got), len(want), got, want)
	}
	if calls := s.Counters["user.grep.calls"]; calls < 2 || s.Counters["map.records_in"] != 6*1000 {
		t.Errorf("counters %v", s.Counters)
	}
	r, err := c.Mrctl(ctx, "submit", "--quiet", "--map-only", "--map", "grep w1", "--ok-exit", "1", "s3://input/text/", "-o", "s3://output/only", "--split-size", "8KiB")
	if err != nil || r.Code != 0 {
		t.Fatalf("exit %d, %v\n%s", r.Code, err, r.Err)
	}
	if r, err = c.Mrctl(ctx, "cat", "s3://output/only"); err != nil || r.Out != shell(t, tree, "cat * | grep w1") {
		t.Errorf("a job that only maps: exit %d, %v, %d bytes\n%s", r.Code, err, len(r.Out), r.Err)
	}
	if r, err := c.Mrctl(ctx, "submit", "--map", "exit 9", "s3://input/text/", "-o", "s3://output/bad", "--max-attempts", "1"); err != nil || r.Code != 1 ||
		!strings.Contains(r.Err, "exit code 9") {
		t.Errorf("exit %d, %v\n%s", r.Code, err, r.Err)
	}
}

// binary4 is how --framing binary says how long something is.
func binary4(n int) []byte { return binenc.BigEndian.AppendUint32(nil, uint32(n)) }
