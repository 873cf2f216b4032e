package main

import (
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// server is a runner made of a function.
type server func(ctx context.Context) error

func (s server) Run(ctx context.Context) error { return s(ctx) }

// fakeServers stand for a coordinator, which ends every job in the inbox as a test wants it, and a worker that waits.
func fakeServers(end func(*ledger.Job) []string) servers {
	return servers{
		coordinator: func(cfg coordinatorConfig) (runner, error) {
			return server(func(ctx context.Context) error { return coordinate(ctx, cfg, end) }), nil
		},
		worker: func(workerConfig) (runner, error) {
			return server(func(ctx context.Context) error { <-ctx.Done(); return nil }), nil
		},
	}
}

// coordinate leads at once. A watched job is taken from the inbox and ended: end says how, and gives the text of its
// parts; nil leaves it running until it is cancelled.
func coordinate(ctx context.Context, cfg coordinatorConfig, end func(*ledger.Job) []string) error {
	f := &fakeLeader{}
	f.watched = func(r *controlv1.WatchRequest, to grpc.ServerStreamingServer[controlv1.WatchResponse]) error {
		ctx := to.Context()
		spec, err := ledger.ReadInbox(ctx, cfg.Store, r.Job)
		if err != nil {
			return errs.ToStatus(err)
		}
		j := ledger.Job{V: ledger.JobV, ID: r.Job, Epoch: 1, Seq: 1, Claims: 1, Nonce: ledger.NewNonce(), Spec: spec,
			Phase: ledger.Done, Started: noon, Ended: noon.Add(time.Second)}
		texts := end(&j)
		if err := to.Send(&controlv1.WatchResponse{Status: &controlv1.JobStatus{Id: r.Job, Name: spec.Name, Phase: controlv1.JobStatus_PHASE_RUNNING}}); err != nil {
			return err
		}
		for texts == nil {
			f.mu.Lock()
			cancelled := len(f.cancelled) > 0
			f.mu.Unlock()
			if cancelled {
				j.Phase, texts = ledger.Cancelled, []string{}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		for i, text := range texts {
			key := output.PartName(i, output.Format(j.Spec.OutputFormat))
			if err := stream(ctx, cfg.Store, keptPartKey(j.ID, key), text); err != nil {
				return errs.ToStatus(err)
			}
			j.Parts = append(j.Parts, ledger.Part{Key: key, Rows: int64(strings.Count(text, "\n")), Bytes: int64(len(text)),
				CRC: crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))})
		}
		body, err := json.Marshal(j)
		if err != nil {
			return err
		}
		if _, err := cfg.Store.PutIf(ctx, ledger.JobKey(j.ID), body, ""); err != nil {
			return errs.ToStatus(err)
		}
		return to.Send(&controlv1.WatchResponse{Status: statusOf(j)})
	}
	stop, err := serveFake(cfg.Store, cfg.Listener, 1, f)
	if err != nil {
		return err
	}
	<-ctx.Done()
	stop()
	return nil
}

func stream(ctx context.Context, store storage.Store, key, text string) error {
	w, err := store.Create(ctx, key, nil)
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return errors.Join(err, w.Abort())
	}
	token, err := w.Stage(ctx)
	if err != nil {
		return err
	}
	_, err = store.Publish(ctx, token)
	return err
}

// atHome gives a test a cache folder and a current folder with an input in it.
func atHome(t *testing.T) (cache string) {
	t.Helper()
	cache = t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("MRCTL_STORE", "")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in.txt", []byte("a b\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return cache
}

func TestRunPrintsTheResult(t *testing.T) {
	cache := atHome(t)
	var got ledger.Job
	s := fakeServers(func(j *ledger.Job) []string { got = *j; return []string{"a\t1\n", "b\t1\n"} })
	args := append([]string{"run", testPlugin(t), "in.txt", "--partitions", "2", "--split-size", "1MiB"}, pluginArgs...)
	out, errOut, code := mrctl(t, s, args...)
	if code != 0 || out != "a\t1\nb\t1\n" || !strings.Contains(errOut, "done: 2 rows in 2 parts, 8 B, took 1.00s") {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if sp := got.Spec; sp.Partitions != 2 || sp.SplitSize != 1<<20 || !slices.Equal(sp.Inputs, []string{folder + "/in.txt"}) || sp.Output != "" ||
		sp.Name != "stub" || len(sp.Plugins[here]) != 64 || sp.MaxAttempts != 4 || !slices.Equal(sp.Args, pluginArgs[1:]) {
		t.Errorf("spec %+v", sp)
	}
	left, err := os.ReadDir(filepath.Join(cache, "mrctl", "runs", got.ID))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"lock", "log", "store"}) {
		t.Errorf("left behind: %q", names)
	}
	// It is history now.
	wants(t, 0, got.ID, "", "jobs")
	wants(t, 0, "phase      done", "", "status", got.ID[:30])
	wants(t, 0, "", "", "gc")
	wants(t, 0, got.ID, "", "gc", "--keep", "0", "--dry-run")
	wants(t, 0, got.ID, "", "gc", "--keep", "0")
	wants(t, 2, "", "no run on this machine", "status", got.ID)
}

// Key bytes say how an identity sorts; a job with a map of its own is refused before it is stored.
func TestRunRefusesKeysOfOthers(t *testing.T) {
	atHome(t)
	s := fakeServers(func(*ledger.Job) []string {
		t.Error("the job was run")
		return nil
	})
	_, errOut, code := mrctl(t, s, "run", "--key-bytes", "0:1", testPlugin(t), "in.txt")
	if code != exitUsage || !strings.Contains(errOut, "jobs.Identity") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
}

func TestRunReadsStdin(t *testing.T) {
	atHome(t)
	var got string
	s := fakeServers(func(j *ledger.Job) []string {
		text, err := os.ReadFile(j.Spec.Inputs[0])
		if err != nil {
			t.Error(err)
		}
		got = string(text)
		return []string{""}
	})
	var out, errOut lockedBuffer
	p := &program{stdin: strings.NewReader("from a pipe\n"), stdout: &out, stderr: &errOut, servers: s}
	if err := p.run(t.Context(), append([]string{"mrctl", "run", testPlugin(t), "-"}, pluginArgs...)); err != nil || got != "from a pipe\n" {
		t.Errorf("%v, read %q\n%s", err, got, errOut.String())
	}
}

func TestRunFails(t *testing.T) {
	cache := atHome(t)
	for _, c := range []struct {
		name string
		end  func(*ledger.Job) []string
		code int
		says string
	}{
		{"user code", func(j *ledger.Job) []string {
			j.Phase, j.Error, j.ErrorKind, j.Maps = ledger.Failed, "map/0: in.txt at byte 0: panic: oh\nstack", errs.UserCode, 1
			return []string{}
		}, 1, "map/0: in.txt at byte 0: panic: oh\nstack\nnext: mrctl diagnose "},
		{"refused", func(j *ledger.Job) []string {
			j.Phase, j.Error, j.ErrorKind = ledger.Failed, "output s3://b/out: it is not empty", errs.Conflict
			return []string{}
		}, 2, "it is not empty"},
		{"cancelled elsewhere", func(j *ledger.Job) []string { j.Phase, j.CancelReason = ledger.Cancelled, "no need"; return []string{} },
			1, "it was cancelled: no need"},
	} {
		out, errOut, code := mrctl(t, fakeServers(c.end), append([]string{"run", testPlugin(t), "in.txt", "-o", "out"}, pluginArgs...)...)
		if code != c.code || out != "" || !strings.Contains(errOut, c.says) {
			t.Errorf("%s: exit %d\n%s%s", c.name, code, out, errOut)
		}
	}
	if err := os.MkdirAll("full", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("full/there", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	wants(t, 2, "", "it is not empty", "run", testPlugin(t), "in.txt", "-o", "full")
	wants(t, 2, "", "it is a file", "run", testPlugin(t), "in.txt", "-o", "in.txt")
	wants(t, 2, "", "input format", "run", testPlugin(t), "in.txt", "--input-format", "xml")
	wants(t, 2, "", "output format", "run", testPlugin(t), "in.txt", "--output-format", "xml")
	wants(t, 2, "", "name a folder", "run", testPlugin(t), "in.txt", "--output-format", "arrow")
	wants(t, 2, "", "name a folder", "run", testPlugin(t), "in.txt", "--output-format", "arrow", "-o", "-")
	// What is wrong before there is a job leaves nothing.
	wants(t, 2, "", "input", "run", testPlugin(t), "none.txt")
	runs, err := os.ReadDir(filepath.Join(cache, "mrctl", "runs"))
	if err != nil || len(runs) != 3 {
		t.Errorf("%d runs are kept, not 3: %v", len(runs), err)
	}
}

func TestRunEndsWithItsServers(t *testing.T) {
	atHome(t)
	s := fakeServers(nil)
	s.coordinator = func(coordinatorConfig) (runner, error) {
		return server(func(context.Context) error { return errs.New(errs.Unavailable, "the store ignores conditions") }), nil
	}
	_, errOut, code := mrctl(t, s, append([]string{"run", testPlugin(t), "in.txt"}, pluginArgs...)...)
	if code != exitUnreachable || !strings.Contains(errOut, "coordinator within this process: the store ignores conditions") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
}

func TestInterruptCancels(t *testing.T) {
	atHome(t)
	ctx, interrupt := context.WithCancelCause(t.Context())
	s := fakeServers(func(*ledger.Job) []string { interrupt(errInterrupted); return nil })
	_, errOut, code := mrctlIn(ctx, t, s, append([]string{"run", testPlugin(t), "in.txt"}, pluginArgs...)...)
	if code != exitInterrupted || !strings.Contains(errOut, "cancelling job") || !strings.Contains(errOut, "mrctl: interrupted") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
	wants(t, 0, "cancelled", "", "jobs")
}

func TestSubmit(t *testing.T) {
	atHome(t)
	store, dir := testStore(t)
	args := []string{"submit", testPlugin(t), "in.txt", "-o", "out", "--store", dir, "--request-id", "once", "--detach"}
	args = append(args, pluginArgs...)
	out, errOut, code := mrctl(t, servers{}, args...)
	id := strings.TrimSpace(out)
	if code != 0 || !ledger.ValidJobID(id) || !strings.Contains(errOut, "the job starts when one does") {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	if again, errOut, _ := mrctl(t, servers{}, args...); strings.TrimSpace(again) != id {
		t.Errorf("the same request again is job %s\n%s", again, errOut)
	}
	sp, err := ledger.ReadInbox(t.Context(), store, id)
	if err != nil || sp.RequestID != "once" || !strings.HasSuffix(sp.Output, "/out") {
		t.Errorf("%+v, %v", sp, err)
	}
	if _, err := store.Stat(t.Context(), ledger.PluginKey(sp.Plugins[here])); err != nil {
		t.Errorf("the plugin: %v", err)
	}
	wants(t, 2, "", "the id is taken by another job", append([]string{"submit", testPlugin(t), "in.txt", "-o", "elsewhere", "--store", dir,
		"--request-id", "once"}, pluginArgs...)...)
	// The plugin is known now.
	byDigest := []string{"submit", "sha256:" + sp.Plugins[here], "in.txt", "-o", "out2", "--store", dir, "-d", "--json"}
	out, errOut, code = mrctl(t, servers{}, append(byDigest, pluginArgs...)...)
	if code != 0 || !strings.HasPrefix(out, `{"id":"`) {
		t.Errorf("by digest: exit %d\n%s%s", code, out, errOut)
	}
	wants(t, 2, "", "the store has none of that digest", "submit", "sha256:"+strings.Repeat("0", 64), "in.txt", "-o", "out3", "--store", dir)
}

func TestSubmitWaits(t *testing.T) {
	atHome(t)
	store, dir := testStore(t)
	args := append([]string{"submit", testPlugin(t), "in.txt", "-o", "out", "--store", dir}, pluginArgs...)
	ctx, cancel := context.WithCancel(t.Context())
	led := make(chan error, 1)
	cfg := coordinatorConfig{Store: store}
	var err error
	if cfg.Listener, err = listenLoopback(); err != nil {
		t.Fatal(err)
	}
	go func() { led <- coordinate(ctx, cfg, func(*ledger.Job) []string { return []string{"a\t1\n"} }) }()
	out, errOut, code := mrctl(t, servers{}, args...)
	if code != 0 || out != "" || !strings.Contains(errOut, "done: 1 row in 1 part") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	cancel()
	if err := <-led; err != nil {
		t.Error(err)
	}
}
