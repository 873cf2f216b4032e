package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// misbehave is the plugin of the integration tests that counts words and goes wrong on request, built once.
var misbehave string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "worker-")
	if err == nil {
		misbehave = filepath.Join(dir, "misbehave")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", misbehave, "../integration/plugins/misbehave").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else if code = m.Run(); code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// world is what lies around an agent: a store, inputs and an output.
type world struct {
	t     *testing.T
	ctx   context.Context // of the test's own calls
	store storage.Store
	out   storage.Store
	files *slowFiles
	dir   string
	// maxBad is how many bad records the jobs allow.
	maxBad int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	src, err := local.NewSource("/")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	open := make(chan struct{})
	close(open)
	return &world{t: t, ctx: ctx, store: mem.New(), out: mem.New(), dir: t.TempDir(),
		files: &slowFiles{Source: src, opened: make(chan struct{}, 100), gate: open}}
}

// slowFiles are files that are opened when the test lets them.
type slowFiles struct {
	storage.Source
	opened chan struct{} // one value for each that is asked for

	mu   sync.Mutex
	gate chan struct{} // guarded by mu
}

// hold keeps what is opened from now on waiting until the function it returns is called.
func (f *slowFiles) hold() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gate := make(chan struct{})
	f.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (f *slowFiles) Open(ctx context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	f.opened <- struct{}{}
	select {
	case <-gate:
		return f.Source.Open(ctx, key, off, n, want)
	case <-ctx.Done():
		return nil, storage.Info{}, ctx.Err()
	}
}

// Source implements storage.Places.
func (w *world) Source(uri string) (storage.Source, string, error) {
	return w.files, strings.TrimPrefix(uri, "/"), nil
}

// Output implements storage.Places.
func (w *world) Output(string) (storage.Store, error) { return w.out, nil }

// running is an agent that runs.
type running struct {
	*Agent
	stop func() // ends it and waits; may be called twice
}

// agent starts an agent.
func (w *world) agent(change ...func(*Config)) *running {
	w.t.Helper()
	cfg := Config{Store: w.store, Resolver: w, Listener: listen(w.t), Scratch: filepath.Join(w.dir, "scratch"), Slots: 2, Memory: 64 << 20,
		Log: zaptest.NewLogger(w.t, zaptest.Level(zap.WarnLevel))}
	for _, f := range change {
		f(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		if _, err := os.Stat(cfg.Scratch); !os.IsNotExist(err) {
			w.t.Errorf("scratch is left behind: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return &running{a, stop}
}

// process is the plugin's of a job that has been worked for.
func (a *running) process(job string) *pluginhost.Process {
	a.mu.Lock()
	j := a.jobs[stageKey{job, 0}]
	a.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.process
}

// job puts a job into the store, with a split for each text, two partitions, and flags for its plugin.
func (w *world) job(args []string, texts ...string) string {
	w.t.Helper()
	about, err := pluginhost.DescribeBinary(w.ctx, misbehave, args)
	if err != nil || about.GetInvalid() != "" {
		w.t.Fatal(about, err)
	}
	stage, err := proto.Marshal(about.GetStages()[0])
	if err != nil {
		w.t.Fatal(err)
	}
	id := ledger.NewJobID()
	plan := dataset.NewPlanWriter(w.store, id)
	for i, text := range texts {
		path := filepath.Join(w.dir, fmt.Sprintf("%s-%d.txt", id, i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
		info, err := w.files.Stat(w.ctx, path[1:])
		if err != nil {
			w.t.Fatal(err)
		}
		n := int64(len(text))
		split := dataset.Split{Bytes: n, Pieces: []dataset.Piece{{URI: path, Size: n, Version: info.Version, Len: n}}}
		if err := plan.Add(w.ctx, split); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := plan.Finish(w.ctx, dataset.Head{Partitions: 2, Stage: stage}); err != nil {
		w.t.Fatal(err)
	}
	rec := ledger.Job{V: ledger.JobV, ID: id, Epoch: 1, Nonce: ledger.NewNonce(), Seq: 1, Claims: 1, Phase: ledger.Running,
		Spec: spec.Job{Name: "wc", Plugins: map[string]string{runtime.GOOS + "/" + runtime.GOARCH: w.plugin()}, Args: args, Stage: stage,
			Inputs: []string{"/in"}, Output: "/out", MaxBadRecords: w.maxBad}}
	body, err := json.Marshal(rec)
	if err == nil {
		_, err = w.store.PutIf(w.ctx, ledger.JobKey(id), body, "")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// plugin puts the plugin into the store and gives its digest.
func (w *world) plugin() string {
	w.t.Helper()
	body, err := os.ReadFile(misbehave)
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	s, err := w.store.Create(w.ctx, ledger.PluginKey(digest), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := s.Write(body); err != nil {
		w.t.Fatal(err)
	}
	token, err := s.Stage(w.ctx)
	if err == nil {
		_, err = w.store.Publish(w.ctx, token)
	}
	if err != nil && !errors.Is(err, storage.ErrPrecondition) { // there from the job before
		w.t.Fatal(err)
	}
	return digest
}

// mapID and reduceID name attempts.
func mapID(job string, task, attempt uint32) *sessionv1.AttemptID {
	return &sessionv1.AttemptID{Job: job, Phase: sessionv1.AttemptID_PHASE_MAP, Task: task, Attempt: attempt}
}

func reduceID(job string, task, attempt uint32) *sessionv1.AttemptID {
	return &sessionv1.AttemptID{Job: job, Phase: sessionv1.AttemptID_PHASE_REDUCE, Task: task, Attempt: attempt}
}

// await takes from a channel what must come.
func await[T any](w *world, what string, ch <-chan T) T {
	w.t.Helper()
	select {
	case v := <-ch:
		return v
	case <-w.ctx.Done():
		w.t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// plugins counts the processes that stand below a folder.
func plugins(t *testing.T, below string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if at, err := os.Readlink(l); err == nil && strings.HasPrefix(at, below) {
			n++
		}
	}
	return n
}
