package integration

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
)

// diagnosis is what diagnose --json says.
type diagnosis struct {
	Findings []struct {
		ID       string   `json:"id"`
		Cause    string   `json:"cause"`
		Evidence []string `json:"evidence"`
		Action   string   `json:"action"`
	} `json:"findings"`
}

// first is the cause that a diagnosis names.
func (d diagnosis) first() string {
	if len(d.Findings) == 0 || d.Findings[0].Action == "" {
		return "nothing"
	}
	return d.Findings[0].ID
}

func readDiagnosis(r cluster.Result) (d diagnosis, err error) {
	return d, json.Unmarshal([]byte(r.Out), &d)
}

// TestDiagnoseRuns: of runs on this machine that fail, each for a cause of its own, diagnose names the cause.
func TestDiagnoseRuns(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	write(t, in, "fine\nalso fine\nthen BOOM here\nfine\n")
	long := filepath.Join(dir, "long.txt")
	write(t, long, strings.Repeat("word ", 2000))
	cut := filepath.Join(dir, "cut.txt.gz")
	write(t, cut, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x4a\x04")
	bad, env := plugin(t, "misbehave"), private(t)
	bin := binary(t)
	var runs sync.WaitGroup
	for cause, args := range map[string][]string{
		"user-panic":           {bad, in, "--", "-how", "panic"},
		"user-error":           {bad, in, "--", "-how", "error"},
		"plugin-exit":          {bad, in, "--", "-how", "exit"},
		"plugin-crash":         {bad, in, "--", "-how", "segv"},
		"plugin-out-of-memory": {bad, in, "--", "-how", "memory"},
		"plugin-hang":          {bad, in, "--stall", "1s", "--", "-how", "hang"},
		"plugin-slow-record":   {bad, in, "--record-timeout", "1s", "--", "-how", "spin"},
		"attempt-timeout":      {bad, in, "--attempt-timeout", "500ms", "--", "-how", "hang"},
		"bad-records":          {bad, in, "--max-bad-records", "0", "--", "-how", "bad"},
		"partition-range":      {bad, in, "--", "-how", "astray"},
		"record-too-large":     {bad, long, "--max-record", "1KiB", "--max-bad-records", "0"},
		"input-truncated":      {bad, cut},
		"input-missing":        {bad, filepath.Join(dir, "*.nothing")},
		"output-not-writable":  {bad, in, "-o", filepath.Join(in, "out")},
	} {
		runs.Go(func() {
			all := append([]string{"run", "--json", "--max-attempts", "1", "--memory", "64MiB", "--slots", "1"}, args...)
			if cause != "output-not-writable" {
				all = append([]string{all[0], "-o", filepath.Join(dir, cause)}, all[1:]...)
			}
			r, err := cluster.Run(ctx, bin, env, all...)
			if err != nil || r.Code == 0 {
				t.Errorf("%s: exit %d, %v", cause, r.Code, err)
				return
			}
			id := idOf(r.Out)
			said, err := cluster.Run(ctx, bin, env, "diagnose", id, "--json")
			if err != nil {
				t.Errorf("%s: %v", cause, err)
				return
			}
			d, err := readDiagnosis(said)
			if err != nil || d.first() != cause {
				t.Errorf("%s: diagnosed as %s, %v: %s\n%s", cause, d.first(), err, said.Out, r.Err)
			}
		})
	}
	runs.Wait()
}

// idOf finds the job's id in what a run printed with --json.
func idOf(out string) string {
	i := strings.LastIndex(out, `{"result":{"id":"`)
	if i < 0 {
		return "none"
	}
	id, _, _ := strings.Cut(out[i+len(`{"result":{"id":"`):], `"`)
	return id
}

// TestDiagnoseRunThatWasKilled: nobody is left to write down how the run ended.
func TestDiagnoseRunThatWasKilled(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	write(t, in, "BOOM\n")
	env := []string{"XDG_CACHE_HOME=" + filepath.Join(dir, "cache")}
	p, err := cluster.StartProc("run", filepath.Join(dir, "log"), env, binary(t), "run", plugin(t, "misbehave"), in, "-o", filepath.Join(dir, "out"), "--", "-how", "hang")
	if err != nil {
		t.Fatal(err)
	}
	var id string
	err = cluster.Until(ctx, "the run to work", func() (bool, error) {
		found, err := filepath.Glob(filepath.Join(dir, "cache/mrctl/runs/*/store/jobs/*/plan/head"))
		if len(found) == 1 {
			id = filepath.Base(filepath.Dir(filepath.Dir(found[0])))
		}
		return id != "", err
	})
	p.Kill()
	if err != nil {
		t.Fatal(err)
	}
	r, err := cluster.Run(ctx, binary(t), env, "diagnose", id, "--json")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := readDiagnosis(r); err != nil || d.first() != "run-ended" {
		t.Errorf("%v: %s%s", err, r.Out, r.Err)
	}
}

// patient is a cluster whose parts come and go, and the jobs in it.
type patient struct {
	*cluster.Cluster
	t     *testing.T
	ctx   context.Context
	dir   string
	store storage.Store
}

func (p *patient) submit(args ...string) string {
	p.t.Helper()
	id, err := p.Submit(p.ctx, append([]string{"--max-attempts", "1"}, args...)...)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// alter submits a job like another one, with something wrong that submit would have found.
func (p *patient) alter(id string, change func(*spec.Job)) string {
	p.t.Helper()
	s, err := ledger.ReadInbox(p.ctx, p.store, id)
	if err != nil {
		p.t.Fatal(err)
	}
	altered := ledger.NewJobID()
	s.RequestID, s.Output = "", filepath.Join(p.dir, "out-"+altered)
	change(&s)
	if err := ledger.SubmitInbox(p.ctx, p.store, altered, s); err != nil {
		p.t.Fatal(err)
	}
	return altered
}

// is waits until diagnose names a cause.
func (p *patient) is(id, cause string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	var last cluster.Result
	err := cluster.Until(ctx, cause, func() (bool, error) {
		r, err := p.Mrctl(ctx, "diagnose", id, "--json")
		if err != nil {
			return false, err
		}
		last = r
		d, err := readDiagnosis(r)
		return err == nil && d.first() == cause, err
	})
	if err != nil {
		p.t.Errorf("%v\n%s%s", err, last.Out, last.Err)
	}
}

// TestDiagnoseCluster: a cluster that lacks first a leader, then workers, whose inputs and outputs are tampered with, whose
// workers a job kills, and whose leader dies at last.
func TestDiagnoseCluster(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	root := filepath.Join(dir, "store")
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: t.TempDir(), Store: root, Env: private(t), Memory: "64MiB"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })
	store, err := local.New(root, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &patient{c, t, ctx, dir, store}
	bad := plugin(t, "misbehave")
	in := func(name string) string {
		path := filepath.Join(dir, name)
		write(t, path, "fine\nBOOM\n")
		return path
	}
	out := func(name string) string { return filepath.Join(dir, "out-"+name) }

	taken := p.submit(bad, in("taken"), "-o", out("taken"))
	if err := os.MkdirAll(out("taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(out("taken"), "precious.txt"), "keep")
	changed := p.submit(bad, in("changed"), "-o", out("changed"))
	vanished := p.submit(bad, in("vanished"), "-o", out("vanished"))
	flags := p.alter(changed, func(s *spec.Job) { s.Inputs, s.Args = []string{in("flags")}, []string{"-no-such-flag"} })
	broken := p.alter(changed, func(s *spec.Job) {
		s.Inputs = []string{in("broken")}
		body := "this is no program"
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
		write(t, filepath.Join(root, filepath.FromSlash(ledger.PluginKey(digest))), body)
		s.Plugins = map[string]string{runtime.GOOS + "/" + runtime.GOARCH: digest}
	})
	p.is(changed, "no-leader")

	leader, err := c.AddCoordinator()
	if err != nil {
		t.Fatal(err)
	}
	p.is(taken, "output-exists")
	p.is(changed, "no-workers")
	p.is(vanished, "no-workers")
	write(t, filepath.Join(dir, "changed"), "something else altogether\n")
	if err := os.Remove(filepath.Join(dir, "vanished")); err != nil {
		t.Fatal(err)
	}
	unwanted := p.submit(bad, in("unwanted"), "-o", out("unwanted"), "--", "-how", "hang")
	if r, err := c.Mrctl(ctx, "cancel", unwanted); err != nil || r.Code != 0 {
		t.Fatal(r, err)
	}
	p.is(unwanted, "cancelled")

	if _, err := c.AddWorker(); err != nil {
		t.Fatal(err)
	}
	p.is(changed, "input-changed")
	p.is(vanished, "input-vanished")
	p.is(flags, "plugin-flags")
	p.is(broken, "plugin-start")

	killer := p.submit(bad, in("killer"), "-o", out("killer"), "--", "-how", "worker")
	p.is(killer, "workers-lost")
	leader.Kill()
	p.is(killer, "leader-silent")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := cluster.Run(ctx, binary(t), append(private(t), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"),
		"diagnose", killer, "--store", "s3://bucket/x", "--s3-endpoint", "http://"+closed, "--json")
	if err != nil {
		t.Fatal(err)
	}
	if d, err := readDiagnosis(r); err != nil || r.Code != 3 || d.first() != "store-unreachable" {
		t.Errorf("exit %d, %v: %s%s", r.Code, err, r.Out, r.Err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
