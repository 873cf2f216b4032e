package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
)

// TestNamedInputs joins two inputs that are read each in its own way: on one machine and on a cluster, in splits of many
// sizes; and what is not the job's inputs is refused before there is a job.
func TestNamedInputs(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	users, log, jsonl := "name,id\n", "", ""
	var want []string
	for i := range 500 {
		id := fmt.Sprintf("p%03d", i)
		if i%2 == 0 {
			users += fmt.Sprintf("\"name, %d\",%s\n", i, id)
		} else {
			jsonl += fmt.Sprintf("{\"id\":%q,\"name\":\"name, %d\"}\n", id, i)
		}
		log += strings.Repeat(id+" was here\r\n", i%5)
		want = append(want, fmt.Sprintf("%s\tname, %d\t%d", id, i, i%5))
	}
	log += "nobody\n"
	cut := strings.LastIndexByte(log[:len(log)/9], '\n') + 1
	for name, text := range map[string]string{"users.csv": users, "more.jsonl": jsonl, "logs/a.log": log[:cut], "logs/b.log": log[cut:]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bin := plugin(t, "visits")
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Env: private(t), Coordinators: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	people, more, events := "users="+filepath.Join(dir, "users.csv"), "users="+filepath.Join(dir, "more.jsonl"), "events="+filepath.Join(dir, "logs")
	check := func(what string, code int, rows []string, stderr string) {
		t.Helper()
		slices.Sort(rows)
		if code != 0 || !slices.Equal(rows, want) {
			t.Errorf("%s: exit %d, %d rows where %d are right, such as %q\n%s", what, code, len(rows), len(want), first(rows), stderr)
		}
	}
	for _, size := range []string{"100", "3000", "1000000"} {
		r := mrctl(t, ctx, "run", bin, "--input", people+","+filepath.Join(dir, "more.jsonl"), "--input", events, "--split-size", size, "--partitions", "2", "--quiet")
		check("run, splits of "+size, r.Code, reference.Lines(r.Out), r.Err)
		out := filepath.Join(dir, "out-"+size)
		s, err := c.Mrctl(ctx, "submit", bin, "--input", events, "--input", people, "--input", more, "-o", out, "--split-size", size, "--partitions", "2")
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, part := range []string{"part-00000.tsv", "part-00001.tsv"} {
			b, err := os.ReadFile(filepath.Join(out, part))
			if err != nil {
				t.Error(err)
			}
			text += string(b)
		}
		check("submit, splits of "+size, s.Code, reference.Lines(text), s.Err)
	}
	for _, x := range []struct {
		name, says string
		args       []string
	}{
		{"one is missing", "its input users is missing: add --input users=URI", []string{"--input", events}},
		{"no such input", "it has no input clicks: its inputs are users, events", []string{"--input", people, "--input", events, "--input", "clicks=" + dir}},
		{"no name", "its inputs have names (users, events): instead of", []string{filepath.Join(dir, "users.csv")}},
		{"some without a name", "has no name, and others are given by --input", []string{"--input", people, filepath.Join(dir, "logs")}},
		{"no URI", "it is NAME=URI", []string{"--input", people, "--input", "events"}},
		{"a file that is not there", "there is no such file", []string{"--input", people, "--input", "events=" + filepath.Join(dir, "nope")}},
		{"rows from text", "input events: input format \"csv\" gives rows", []string{"--input", people, "--input", events, "--input-format", "events=csv"}},
		{"a format for none", "which input is it for?", []string{"--input", people, "--input", events, "--input-format", "csv"}},
		{"a dialect for none", "--input-format NAME=csv:lines", []string{"--input", people, "--input", events, "--csv-lines"}},
		{"no such column", "name", []string{"--input", "users=" + filepath.Join(dir, "users.csv"), "--input", events, "--input-format", "users=csv:delimiter=;"}},
	} {
		run := mrctl(t, ctx, append([]string{"run", bin}, x.args...)...)
		sub, err := c.Mrctl(ctx, append([]string{"submit", bin, "-o", filepath.Join(dir, "none")}, x.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		for verb, r := range map[string]struct {
			code int
			err  string
		}{"run": {run.Code, run.Err}, "submit": {sub.Code, sub.Err}} {
			if r.code == 0 || !strings.Contains(r.err, x.says) {
				t.Errorf("%s %s: exit %d, want %q in:\n%s", verb, x.name, r.code, x.says, r.err)
			}
		}
	}
	one := mrctl(t, ctx, "run", wordcount(t), "--input", "text="+filepath.Join(dir, "more.jsonl"))
	if one.Code != 2 || !strings.Contains(one.Err, "its input has no name") {
		t.Errorf("a name for a job that has none: exit %d\n%s", one.Code, one.Err)
	}
}

func first(rows []string) string {
	if len(rows) == 0 {
		return ""
	}
	return rows[0]
}
