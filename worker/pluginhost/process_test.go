package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage/mem"
)

// binaries are built once: odd, and wordcount of the examples.
var binaries string

// hostEnv makes the test binary a host that starts the plugin named and then waits to be killed.
const hostEnv = "PLUGINHOST_TEST_HOST"

func TestMain(m *testing.M) {
	if path := os.Getenv(hostEnv); path != "" {
		beHost(path)
	}
	dir, err := os.MkdirTemp("", "pluginhost-")
	if err == nil {
		binaries = dir
		var out []byte
		if out, err = exec.Command("go", "build", "-o", dir, "./testdata/odd", "../../examples/wordcount").CombinedOutput(); err != nil {
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

func binary(name string) string { return filepath.Join(binaries, name) }

// beHost starts a plugin, says which process it is, and waits.
func beHost(path string) {
	scratch, err := os.MkdirTemp("", "host-")
	if err == nil {
		var p *Process
		if p, err = New(Config{Dir: scratch}).Start(context.Background(), Spec{Job: "j", Path: path, Scratch: scratch}); err == nil {
			fmt.Println(p.runner.ID())
			select {}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// start starts the odd plugin.
func start(t *testing.T, how string) *Process {
	t.Helper()
	p, err := tryStart(t, t.Context(), Config{}, how)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryStart(t *testing.T, ctx context.Context, cfg Config, how string) (*Process, error) {
	t.Helper()
	cfg.Dir = t.TempDir()
	p, err := New(cfg).Start(ctx, Spec{Job: "j", Path: binary("odd"), Args: []string{"-how", how}, Scratch: filepath.Join(t.TempDir(), "scratch")})
	if err == nil {
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	return p, err
}

// feed runs a map attempt over one line and gives its keys.
func feed(ctx context.Context, p *Process, line string) ([]string, error) {
	m, err := p.Map(ctx, &pluginv1.MapStart{Id: &pluginv1.TaskID{Job: "j"}, Partitions: 1, Memory: 1 << 20})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	b := m.Buffer(len(line))
	b.Data = append(b.Data, line...)
	b.Off = append(b.Off, 0, int32(len(line)))
	if err := m.Send(ctx, b); err == nil {
		_ = m.CloseSend() // Recv knows better what went wrong
	}
	return receive(m)
}

func receive(m *boundary.MapStream) (keys []string, err error) {
	for {
		b, err := m.Recv()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range b.Len() {
			keys = append(keys, string(b.Key(i)))
		}
	}
}

// alive tells whether a process runs; one that is dead and not waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// dies waits for the end of a process.
func dies(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); alive(pid); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("process %d is still alive", pid)
		}
	}
}

// value finds what the plugin has told of a name on standard error.
func value(t *testing.T, p *Process, name string) (values []string) {
	t.Helper()
	for line := range strings.Lines(string(p.Stderr())) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		t.Fatalf("the plugin has not told its %s: %s", name, p.Stderr())
	}
	return values
}

func TestAttempt(t *testing.T) {
	p := start(t, "")
	if got := p.Describe().GetStages()[0].GetName(); got != "odd" {
		t.Errorf("it is called %q", got)
	}
	if keys, err := feed(t.Context(), p, "word"); err != nil || !slices.Equal(keys, []string{"word"}) {
		t.Errorf("%v, %v", keys, err)
	}
}

// TestWhatAPluginGets: what the handshake needs, a folder to stand in, and nothing else.
func TestWhatAPluginGets(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	p := start(t, "tell")
	allowed := map[string]bool{boundary.Handshake.MagicCookieKey: true, "PLUGIN_MIN_PORT": true, "PLUGIN_MAX_PORT": true,
		"PLUGIN_PROTOCOL_VERSIONS": true, "PLUGIN_UNIX_SOCKET_DIR": true, ParentEnv: true, "TMPDIR": true}
	for _, kv := range value(t, p, "env") {
		name, v, _ := strings.Cut(kv, "=")
		if !allowed[name] {
			t.Errorf("its environment has %s", kv)
		}
		delete(allowed, name)
		if name == "TMPDIR" && v != value(t, p, "cwd")[0] {
			t.Errorf("it stands in %s, its temporary folder is %s", value(t, p, "cwd"), v)
		}
	}
	if len(allowed) > 0 {
		t.Errorf("its environment lacks %v", slices.Collect(maps.Keys(allowed)))
	}
	if cwd := value(t, p, "cwd")[0]; filepath.Base(cwd) != "scratch" {
		t.Errorf("it stands in %s", cwd)
	}
	if in := value(t, p, "stdin")[0]; in != "0 <nil>" {
		t.Errorf("its standard input: %s", in)
	}
}

func TestStderrIsBounded(t *testing.T) {
	p := start(t, "flood")
	if _, err := feed(t.Context(), p, "word"); err != nil {
		t.Fatal(err)
	}
	tail := p.Stderr()
	if len(tail) != tailSize || !strings.HasSuffix(string(tail), "x\nthe end\n") {
		t.Errorf("%d bytes are kept, the last are %q", len(tail), tail[max(0, len(tail)-20):])
	}
}

// TestBadStarts: what does not become a plugin, in words for its author, and with nothing left behind.
func TestBadStarts(t *testing.T) {
	sockets := t.TempDir()
	t.Setenv("TMPDIR", sockets)
	write := func(name string, mode os.FileMode, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	odd := binary("odd")
	for _, x := range []struct {
		name, path, how string
		want            []string
	}{
		{"exits", odd, "exit", []string{"exited with status 3", "these are my last words"}},
		{"never answers", odd, "never", []string{"did not answer within", "jobs.Main"}},
		{"garbage", odd, "garbage", []string{"hello, world", "standard output"}},
		{"another program", "/bin/true", "", []string{"not a plugin"}},
		{"no program", write("text", 0o700, "just text, no program"), "", []string{"exec format error"}},
		{"not executable", write("plain", 0o600, "x"), "", []string{"permission denied"}},
		{"absent", "/there/is/none", "", []string{"no such file"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := New(Config{Dir: t.TempDir(), StartTimeout: 2 * time.Second})
			p, err := h.Start(t.Context(), Spec{Job: "j", Path: x.path, Args: []string{"-how", x.how}, Scratch: t.TempDir()})
			if err == nil {
				_ = p.Close()
				t.Fatal("it started")
			}
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("%v: %v, want invalid", errs.KindOf(err), err)
			}
			for _, want := range append(x.want, x.path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "memory runs out") {
				t.Errorf("%v blames the kernel for what the worker did", err)
			}
		})
	}
	if left, err := os.ReadDir(sockets); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBadFlags(t *testing.T) {
	args := []string{"-lower=maybe"}
	spec := Spec{Job: "j", Path: binary("wordcount"), Args: args, Scratch: t.TempDir()}
	if _, err := New(Config{Dir: t.TempDir()}).Start(t.Context(), spec); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "maybe") {
		t.Errorf("start: %v", err)
	}
	about, err := DescribeBinary(t.Context(), binary("wordcount"), args)
	if err != nil || !strings.Contains(about.GetInvalid(), "maybe") {
		t.Errorf("describe: %v, %v", about, err)
	}
}

// TestStartIsGivenUp: who no longer wants a plugin that is slow in starting need not wait for it.
func TestStartIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	began := time.Now()
	scratch := t.TempDir()
	result := make(chan error, 1)
	go func() {
		_, err := New(Config{Dir: t.TempDir()}).Start(ctx, Spec{Job: "j", Path: binary("odd"), Args: []string{"-how", "never"}, Scratch: scratch})
		result <- err
	}()
	pid := childIn(t, scratch)
	cancel(errors.New("enough"))
	if err := <-result; !errs.Is(err, errs.Canceled) {
		t.Errorf("%v, want canceled", err)
	}
	if took := time.Since(began); took > DefaultStartTimeout/2 {
		t.Errorf("it took %v", took)
	}
	dies(t, pid)
}

// childIn waits for a process that stands in a folder.
func childIn(t *testing.T, dir string) int {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); ; {
		found, err := filepath.Glob("/proc/[0-9]*/cwd")
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range found {
			if at, err := os.Readlink(link); err == nil && at == dir {
				pid, err := strconv.Atoi(strings.Split(link, "/")[2])
				if err != nil {
					t.Fatal(err)
				}
				return pid
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no process stands in %s", dir)
		}
	}
}

// TestDeath: the end of the process is the user's, and told apart from a cancellation.
func TestDeath(t *testing.T) {
	for how, want := range map[string][]string{
		"exit": {"exited with status 7", "these are my last words"},
		"kill": {"signal 9"},
	} {
		t.Run(how, func(t *testing.T) {
			p := start(t, "")
			_, err := feed(t.Context(), p, how)
			if !errs.Is(err, errs.UserCode) {
				t.Errorf("%v: %v, want user-code", errs.KindOf(err), err)
			}
			for _, w := range append(want, "the process died") {
				if !strings.Contains(fmt.Sprint(err), w) {
					t.Errorf("%v does not say %q", err, w)
				}
			}
			if dead, _ := p.Exited(); !dead {
				t.Error("it is said to be alive")
			}
			if _, err := feed(t.Context(), p, "word"); !errs.Is(err, errs.UserCode) {
				t.Errorf("an attempt after its death: %v", err)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		p := start(t, "")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := feed(ctx, p, "hang"); !errs.Is(err, errs.Canceled) {
			t.Errorf("%v: %v, want canceled", errs.KindOf(err), err)
		}
		if keys, err := feed(t.Context(), p, "word"); err != nil || len(keys) != 1 {
			t.Errorf("the attempt after: %v, %v", keys, err)
		}
	})
	t.Run("closed", func(t *testing.T) {
		p := start(t, "")
		result := make(chan error, 1)
		hung, err := p.Map(t.Context(), &pluginv1.MapStart{Id: &pluginv1.TaskID{Job: "j"}, Partitions: 1, Memory: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, err := receive(hung); result <- err }()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := <-result; !errs.Is(err, errs.Canceled) {
			t.Errorf("%v: %v, want canceled", errs.KindOf(err), err)
		}
	})
}

// TestCloseIsQuick: a healthy plugin ends when it is told to.
func TestCloseIsQuick(t *testing.T) {
	best := time.Hour
	for range 5 { // the machine may be busy once
		p := start(t, "")
		began := time.Now()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(began))
	}
	if best > 200*time.Millisecond {
		t.Errorf("at best it took %v", best)
	}
	t.Logf("close: %v", best)
}

// TestNothingIsLeft: whatever a plugin has started goes with it, and cannot hold up its end.
func TestNothingIsLeft(t *testing.T) {
	pids := func(t *testing.T, p *Process) (own, child int) {
		own, err1 := strconv.Atoi(p.runner.ID())
		child, err2 := strconv.Atoi(value(t, p, "child")[0])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return own, child
	}
	t.Run("deaf", func(t *testing.T) {
		p := start(t, "deaf")
		pid, err := strconv.Atoi(p.runner.ID())
		if err := errors.Join(err, p.Close()); err != nil {
			t.Fatal(err)
		}
		dies(t, pid)
	})
	t.Run("child, closed", func(t *testing.T) {
		p := start(t, "child")
		own, child := pids(t, p)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		dies(t, own)
		dies(t, child)
	})
	t.Run("child, died", func(t *testing.T) {
		p := start(t, "child")
		_, child := pids(t, p)
		if _, err := feed(t.Context(), p, "kill"); !errs.Is(err, errs.UserCode) || !strings.Contains(err.Error(), "signal 9") {
			t.Errorf("%v: %v, want user-code", errs.KindOf(err), err)
		}
		dies(t, child)
	})
	t.Run("daemon", func(t *testing.T) {
		p := start(t, "daemon")
		_, child := pids(t, p)
		defer func() { _ = syscall.Kill(child, syscall.SIGKILL) }() // it has left the group: nobody's but ours
		began := time.Now()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("a process that holds the plugin's pipes held up its end for %v", took)
		}
	})
}

// TestHostIsKilled: a worker that dies by kill -9 takes its plugins with it.
func TestHostIsKilled(t *testing.T) {
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), hostEnv+"="+binary("odd"))
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err == nil {
		err = host.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscan(out, &pid)
	if err != nil || !alive(pid) {
		t.Errorf("plugin %d does not run: %v", pid, err)
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // killed, as it says
	if pid != 0 {
		dies(t, pid)
	}
}

// TestManyStarts: binaries that were just written are started while others are being written and forked.
func TestManyStarts(t *testing.T) {
	body, err := os.ReadFile(binary("odd"))
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New()
	keep(t, store, sum(body), body)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			p, err := New(Config{Dir: t.TempDir(), Store: store}).Start(t.Context(), Spec{Job: "j", Digest: sum(body), Scratch: t.TempDir()})
			if err != nil {
				t.Error(err)
				return
			}
			if keys, err := feed(t.Context(), p, "word"); err != nil || len(keys) != 1 {
				t.Errorf("%v, %v", keys, err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// BenchmarkDescribe is the life of a plugin from its start to its end, with one question asked.
func BenchmarkDescribe(b *testing.B) {
	for b.Loop() {
		if _, err := DescribeBinary(b.Context(), binary("wordcount"), nil); err != nil {
			b.Fatal(err)
		}
	}
}
