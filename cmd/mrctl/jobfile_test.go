package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/ledger"
)

// TestRunFromJobFile: what the file says holds, unless the line says otherwise; paths in it are beside it.
func TestRunFromJobFile(t *testing.T) {
	atHome(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	plugin := testPlugin(t)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("jobs", 0o777); err != nil {
		t.Fatal(err)
	}
	write("jobs/other.txt", "x\n")
	args, err := json.Marshal(pluginArgs[1:])
	if err != nil {
		t.Fatal(err)
	}
	write("jobs/job.yaml", `
params: {which: null, parts: 3}
plugin: `+plugin+`
args: `+string(args)+`
inputs: ["${which}.txt"]
partitions: ${parts}
split-size: 1MiB
no-backup: true
record-timeout: 5s
output: result
`)
	var got ledger.Job
	s := fakeServers(func(j *ledger.Job) []string { got = *j; return []string{"a\t1\n"} })
	run := func(line ...string) ledger.Job {
		t.Helper()
		if out, errOut, code := mrctl(t, s, append([]string{"run", "-f", "jobs/job.yaml"}, line...)...); code != 0 {
			t.Fatalf("exit %d\n%s%s", code, out, errOut)
		}
		return got
	}
	sp := run("--set", "which=other").Spec
	if sp.Partitions != 3 || sp.SplitSize != 1<<20 || !sp.NoBackup || sp.RecordTimeout != 5*time.Second || !slices.Equal(sp.Args, pluginArgs[1:]) ||
		!slices.Equal(sp.Inputs, []string{filepath.Join(here, "jobs", "other.txt")}) || sp.Output != filepath.Join(here, "jobs", "result") {
		t.Errorf("by the file: %+v", sp)
	}
	sp = run("--set", "which=other", "--partitions", "2", "-o", "elsewhere", "in.txt").Spec
	if sp.Partitions != 2 || !slices.Equal(sp.Inputs, []string{filepath.Join(here, "in.txt")}) || sp.Output != filepath.Join(here, "elsewhere") || !sp.NoBackup {
		t.Errorf("by the line: %+v", sp)
	}

	write("bad.yaml", "plugin: "+plugin+"\ninputs: in.txt\npartitions: many\nslot: 2\n")
	_, errOut, code := mrctl(t, s, "run", "-f", "bad.yaml")
	if code != exitUsage || !strings.Contains(errOut, "bad.yaml:3:13: partitions is a whole number") || !strings.Contains(errOut, `bad.yaml:4:1: "slot" is no key of a job file: did you mean slots?`) {
		t.Errorf("exit %d\n%s", code, errOut)
	}
	write("late.yaml", "plugin: "+plugin+"\ninputs: in.txt\nslots: 99999999999999999\nmemory: much\n")
	wants(t, exitUsage, "", `size "much"`, "run", "-f", "late.yaml")
	wants(t, exitUsage, "", "there is no job file", "run", plugin, "in.txt", "--set", "a=b")
	wants(t, exitUsage, "", "no such file", "run", "-f", "none.yaml")
	wants(t, exitUsage, "", "NAME=VALUE", "run", "-f", "jobs/job.yaml", "--set", "which")
	wants(t, exitUsage, "", "--set who: the file has no parameter", "run", "-f", "jobs/job.yaml", "--set", "who=x")
}

// TestSchema: editors are told of every flag of run and submit that makes sense in a file.
func TestSchema(t *testing.T) {
	out, errOut, code := mrctl(t, servers{}, "schema")
	var s struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	for _, name := range []string{"plugin", "inputs", "output", "partitions", "map", "shared-fs", "memory"} {
		if s.Properties[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"f", "set", "detach", "o", "help"} {
		if s.Properties[name] != nil {
			t.Errorf("%s is no key of a job file", name)
		}
	}
}
