package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/internal/s3server"
)

// TestRepackInABucket: a large archive in a bucket is one task, which is said with what helps; packed again it is several, of
// the same answer.
func TestRepackInABucket(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	server := s3server.ForTest(t, s3server.VersityGW)
	b, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cluster", "input"} {
		if err := b.Make(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var text, packed bytes.Buffer
	for i := range 1 << 20 {
		fmt.Fprintf(&text, "word%d and %d\n", i%1000, i%7)
	}
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(dir, "in", "day")
	if err := os.MkdirAll(local, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(local, "a.log.gz"), packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(local, "b.log"), []byte("word1 and one more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Upload(ctx, "input", "text/", filepath.Dir(local)); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: dir, Store: "s3://cluster/mrctl", Coordinators: 1, Workers: 2,
		Env: []string{"AWS_ENDPOINT_URL=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + server.AccessKey,
			"AWS_SECRET_ACCESS_KEY=" + server.SecretKey, "AWS_REGION=us-east-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	do := func(args ...string) cluster.Result {
		t.Helper()
		r, err := c.Mrctl(ctx, args...)
		if err != nil || r.Code != 0 {
			t.Fatalf("mrctl %v: exit %d, %v\n%s", args, r.Code, err, r.Err)
		}
		return r
	}
	r := do("repack", "s3://input/text/**/*.log*", "-o", "s3://input/packed", "--json")
	lines := strings.Split(strings.TrimSpace(r.Out), "\n")
	var first struct {
		Output string
		Text   int
		Frames int
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 2 || first.Text != text.Len() || first.Frames < 2 || first.Output != "s3://input/packed/a.log.zst" {
		t.Fatalf("%v\n%s", err, r.Out)
	}
	want := map[string]string{}
	for _, in := range []string{"text", "packed"} {
		id, err := c.Submit(ctx, wordcount(t), "s3://input/"+in, "-o", "s3://input/out-"+in, "--split-size", "100KiB")
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.WaitDone(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		maps := s.Stages[0].Tasks
		if in == "text" && maps != 2 || in == "packed" && maps < 3 {
			t.Errorf("%s: %d map tasks", in, maps)
		}
		if status := do("status", id).Out; (in == "text") != strings.Contains(status, "mrctl repack") {
			t.Errorf("%s:\n%s", in, status)
		}
		want[in] = do("cat", "s3://input/out-"+in).Out
	}
	if diff := reference.Diff(reference.Lines(want["packed"]), reference.Lines(want["text"])); diff != "" || want["text"] == "" {
		t.Error(diff)
	}
	if r, err := c.Mrctl(ctx, "repack", "s3://input/text", "-o", "s3://input/packed"); err != nil || r.Code != 2 || !strings.Contains(r.Err, "is there already") {
		t.Errorf("again: exit %d, %v\n%s", r.Code, err, r.Err)
	}
}

// TestListedInputs: inputs come from a list, of files, folders and globs; standard input is one of them for run.
func TestListedInputs(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	for name, body := range map[string]string{"a.txt": "a\n", "sub/deep/b.txt": "b\n", "sub/c.log": "c\n", "other/d.txt": "d\n",
		"list": "# the inputs\n\n" + filepath.Join(dir, "a.txt") + "\r\n " + dir + "/sub/**/*.txt\n" + dir + "/other", "none": "# nothing\n", "missing": dir + "/nowhere\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := mrctl(t, ctx, "run", wordcount(t), "--inputs-from", filepath.Join(dir, "list"), "--quiet")
	if diff := reference.Diff(reference.Lines(r.Out), []string{"a\t1", "b\t1", "d\t1"}); diff != "" || r.Code != 0 {
		t.Errorf("exit %d, %s\n%s", r.Code, diff, r.Err)
	}
	r = mrctl(t, ctx, "run", wordcount(t), filepath.Join(dir, "sub"), "--inputs-from", filepath.Join(dir, "list"), "--quiet")
	if diff := reference.Diff(reference.Lines(r.Out), []string{"a\t1", "b\t1", "c\t1", "d\t1"}); diff != "" || r.Code != 0 {
		t.Errorf("exit %d, %s\n%s", r.Code, diff, r.Err)
	}
	for args, want := range map[string]string{
		"none": "no input is listed there", "missing": "there is no such file or folder", "not-there": "no such file",
	} {
		if r := mrctl(t, ctx, "run", wordcount(t), "--inputs-from", filepath.Join(dir, args)); r.Code != 2 || !strings.Contains(r.Err, want) {
			t.Errorf("%s: exit %d\n%s", args, r.Code, r.Err)
		}
	}
	if r := mrctl(t, ctx, "run", wordcount(t), "-", "--inputs-from", "-"); r.Code != 2 || !strings.Contains(r.Err, "both want standard input") {
		t.Errorf("exit %d\n%s", r.Code, r.Err)
	}
}
