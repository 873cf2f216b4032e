package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

// wants runs a command line and checks its exit code and that its output has what is wanted.
func wants(t *testing.T, code int, stdout, stderr string, args ...string) {
	t.Helper()
	out, errOut, got := mrctl(t, servers{}, args...)
	if got != code {
		t.Errorf("mrctl %q exits with %d, want %d\n%s%s", args, got, code, out, errOut)
	}
	if !strings.Contains(out, stdout) {
		t.Errorf("mrctl %q prints\n%s\nwhich has no %q", args, out, stdout)
	}
	if stderr == "" && errOut != "" || !strings.Contains(errOut, stderr) {
		t.Errorf("mrctl %q says\n%s\nwant %q", args, errOut, stderr)
	}
}

func TestVerbsAskTheLeader(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	store, dir := testStore(t)
	f := &fakeLeader{
		jobs:  []*controlv1.JobStatus{running, done, broken},
		works: []*controlv1.Worker{{Id: "w1", State: "ready", Slots: 2}},
		logs:  []*controlv1.LogsResponse{{Task: "map/3.1", Text: []byte("panic: oh")}},
	}
	for _, s := range f.jobs {
		writeJob(t, store, ledger.Job{ID: s.Id, Phase: ledger.Running})
		if _, err := store.PutIf(t.Context(), ledger.EndedKey(s.Id), []byte("{}"), ""); err != nil {
			t.Fatal(err)
		}
	}
	lead(t, store, 3, f)

	wants(t, 0, "loganalysis  done", "", "jobs", "--store", dir)
	wants(t, 0, `"phase":"failed"`, "", "jobs", "--store", dir, "--json")
	wants(t, 0, "map     50     12", "", "status", running.Id, "--store", dir)
	wants(t, 0, `"name":"loganalysis"`, "", "status", done.Id, "--store", dir, "--json")
	wants(t, 0, "", "done: 8 rows in 2 parts", "watch", done.Id, "--store", dir)
	wants(t, 0, `{"result":{`, "", "watch", done.Id, "--store", dir, "--json")
	wants(t, 0, "", "", "watch", done.Id, "--store", dir, "-q")
	wants(t, 1, "", "next: mrctl diagnose "+broken.Id, "watch", broken.Id, "--store", dir)
	wants(t, 0, "==> map/3.1 <==\npanic: oh\n", "", "logs", broken.Id, "--store", dir)
	wants(t, 0, "w1", "", "workers", "--store", dir)
	wants(t, 0, `"slots":2`, "", "workers", "--store", dir, "--json")
	wants(t, 0, "fake", "", "leader", "--store", dir)
	wants(t, 0, running.Id+"\tcancelled\n", "", "cancel", running.Id, "--reason", "no need", "--store", dir)
	if f.mu.Lock(); len(f.cancelled) != 1 || f.cancelled[0] != running.Id+" no need" {
		t.Errorf("cancelled: %q", f.cancelled)
	}
	f.mu.Unlock()
	wants(t, 2, "", "it could be any of", "status", "0198c2a1", "--store", dir)
	wants(t, 2, "", "next: mrctl jobs --store", "status", "77", "--store", dir)
	wants(t, 0, "ok       leader", "", "doctor", "--store", dir)
}

func TestVerbsWithoutLeader(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	store, dir := testStore(t)
	id := ledger.NewJobID()
	writeJob(t, store, ledger.Job{ID: id, Phase: ledger.Done, Spec: spec.Job{Name: "wc", Output: "/out"}, Maps: 3, Reduces: 2,
		Started: noon, Ended: noon.Add(time.Second), Parts: []ledger.Part{{Key: "part-00000.tsv", Rows: 1, Bytes: 2}}})
	if _, err := store.PutIf(t.Context(), ledger.EndedKey(id), []byte("{}"), ""); err != nil {
		t.Fatal(err)
	}
	for attempt := range int32(2) {
		putObject(t, store, ledger.LogKey(id, 0, ledger.Map, 3, attempt), "words "+string('0'+attempt)+"\n")
	}
	putObject(t, store, ledger.LogKey(id, 0, ledger.Reduce, 3, 0), "other\n")

	wants(t, 0, "wc    done   3/3  2/2", "no coordinator leads", "jobs", "--store", dir)
	wants(t, 0, "phase      done", "", "status", id, "--store", dir)
	wants(t, 0, "", "done: 1 row in 1 part, 2 B in /out, took 1.00s", "watch", id, "--store", dir)
	for uri, want := range map[string]string{
		"/out": "2 B in /out, and named outputs (long: 0 rows, once: 1 row), took",
		"":     "2 B, took 1.00s\nrows of named outputs are not kept (long: 0 rows, once: 1 row); -o DIR keeps them",
	} {
		named := ledger.NewJobID()
		writeJob(t, store, ledger.Job{ID: named, Phase: ledger.Done, Spec: spec.Job{Name: "wc", Output: uri}, Started: noon, Ended: noon.Add(time.Second),
			Parts: []ledger.Part{{Key: "part-00000.tsv", Rows: 1, Bytes: 2}}, Counters: map[string]int64{"output.once.rows": 1, "output.long.rows": 0, "x": 1}})
		if _, err := store.PutIf(t.Context(), ledger.EndedKey(named), []byte("{}"), ""); err != nil {
			t.Fatal(err)
		}
		wants(t, 0, "", want, "watch", named, "--store", dir)
	}
	wants(t, 0, "==> map/3.0 <==\nwords 0\n==> map/3.1 <==\nwords 1\n==> reduce/3.0 <==\nother\n", "", "logs", id, "--store", dir)
	wants(t, 0, "words 1\n", "", "logs", id, "map/3.1", "--store", dir)
	wants(t, 0, `{"task":"map/3.1","text":"words 1\n"}`, "", "logs", id, "map/3.1", "--store", dir, "--json")
	wants(t, 3, "failed   leader     no coordinator leads", "something failed", "doctor", "--store", dir)
}

func putObject(t *testing.T, store storage.Store, key, text string) {
	t.Helper()
	if _, err := store.PutIf(t.Context(), key, []byte(text), ""); err != nil {
		t.Fatal(err)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("MRCTL_STORE", "")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in.txt", []byte("a b\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("plain.go", []byte("package main\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ says, line string }{
		{"no verb was given", ""},
		{`command "rnu"`, "rnu"},
		{"run: it takes PLUGIN INPUT", "run"},
		{"no input was given", "run ./wc"},
		{"plugin ./wc: there is no such", "run ./wc in.txt"},
		{"input /", "run ./wc none.txt"},
		{"next: name its folder: .", "run plain.go in.txt"},
		{"64 hexadecimal digits", "run sha256:12 in.txt"},
		{"--json and the rows", "run ./wc in.txt --json"},
		{`size "much"`, "run ./wc in.txt --memory much"},
		{"--slots 0", "run ./wc in.txt --slots 0"},
		{"--slow-start 1.5", "run ./wc in.txt --slow-start 1.5"},
		{"--slow-start 0", "serve coordinator --store s --slow-start 0"},
		{"invalid value", "run ./wc in.txt --partitions many"},
		{"OFF:LEN", "run ./wc in.txt --key-bytes 10"},
		{"a record has 16 bytes", "submit ./wc in.txt -o out --store s --input-format records:16 --key-bytes 10:10"},
		{"which cluster?", "submit ./wc in.txt -o out"},
		{"where does the result go?", "submit ./wc in.txt --store s"},
		{"standard input", "submit ./wc - -o out --store s"},
		{"which cluster?", "workers"},
		{"which cluster?", "leader"},
		{"no run on this machine", "status 0198"},
		{"status: it takes JOB, and 0 arguments were given", "status"},
		{"is not like map/17", "logs 0198 maps/1"},
		{"it takes no argument", "jobs 0198"},
		{"serve: say which", "serve"},
		{"which cluster?", "serve all"},
		{"others could reach it", "serve all --store s --listen 0.0.0.0:0"},
		{"others could reach it", "serve coordinator --store s --listen :7070"},
		{"missing port", "serve coordinator --store s --listen localhost"},
		{`--label "a"`, "serve worker --store s --label a"},
		{"--drain-timeout", "serve worker --store s --drain-timeout 0s"},
		{"--shuffle tape", "submit ./p in -o out --store s --shuffle tape"},
		{`--log-level "loud"`, "serve worker --store s --log-level loud"},
		{"gc: --keep", "gc --store s --keep 3"},
		{`completion "tcsh"`, "completion tcsh"},
	} {
		wants(t, exitUsage, "", c.says, strings.Fields(c.line)...)
	}
}

func TestPlainVerbs(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("MRCTL_STORE", "")
	wants(t, 0, "mrctl devel", "", "version")
	wants(t, 0, "mrctl devel", "", "--version")
	wants(t, 0, `"platform":`, "", "version", "--json")
	wants(t, 0, "mrctl run ./examples/wordcount", "", "--help")
	wants(t, 0, "--max-bad-records", "", "run", "--help")
	wants(t, 0, "--scratch", "", "serve", "worker", "--help")
	wants(t, 0, "JOB  NAME", "", "jobs")
	wants(t, 0, "", "", "gc")
	wants(t, 0, "complete -o", "", "completion", "bash")
	wants(t, 0, "#compdef mrctl", "", "completion", "zsh")
	wants(t, 0, "complete -c mrctl", "", "completion", "fish")
	out, _, code := mrctl(t, servers{}, "doctor", "--json")
	var f finding
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &f); err != nil || code != 0 || f.What != "cache" || f.State != "ok" {
		t.Errorf("doctor: %+v, %v, exit %d", f, err, code)
	}
}
