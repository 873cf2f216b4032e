package pluginhost

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

// The test's own binary is the plugin: started with the handshake's cookie it behaves as -mode says.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(boundary.Handshake.MagicCookieKey) != "":
		serveTest()
	case os.Getenv("PLUGINHOST_TEST_HOST") != "":
		host()
	default:
		goleak.VerifyTestMain(m)
	}
}

func serveTest() {
	mode := flag.String("mode", "", "how to behave")
	arg := os.Args[len(os.Args)-1]
	switch arg {
	case "-mode=hang":
		select {}
	case "-mode=killed":
		unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case "-mode=exit":
		fmt.Fprintln(os.Stderr, "no database today")
		os.Exit(3)
	case "-mode=garbage":
		fmt.Println("hello, world")
		select {}
	}
	jobs.Main(jobs.Job[string, string, int64, jobs.Pair[string, int64]]{
		Name: "test",
		Map: func(ctx context.Context, line string, emit func(string, int64)) error {
			return behave(*mode, line, emit)
		},
		Combine: jobs.Sum[int64](),
	})
}

func behave(mode, line string, emit func(string, int64)) error {
	switch mode {
	case "panic":
		panic("no good: " + line)
	case "os-exit":
		fmt.Fprintln(os.Stderr, "about to leave")
		os.Exit(7)
	case "crash":
		go func() { panic("in a goroutine of its own") }()
		select {}
	case "kill":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case "wait":
		select {}
	case "leave-child":
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.NewFile(2, "stderr")
		if err := cmd.Start(); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "child %d\n", cmd.Process.Pid)
		os.Exit(1)
	case "about":
		dir, _ := os.Getwd()
		emit("dir "+dir, 1)
		in, err := io.ReadAll(os.Stdin)
		emit(fmt.Sprintf("stdin %q %v", in, err), 1)
		for _, e := range os.Environ() {
			emit("env "+e, 1)
		}
		return nil
	case "talk":
		fmt.Println("to standard output")
		for i := range 100_000 {
			fmt.Fprintln(os.Stderr, "line", i)
		}
	}
	for w := range jobs.Words(line) {
		emit(w, 1)
	}
	return nil
}

// host starts a plugin, says its process id, and waits to be killed.
func host() {
	p, err := New(Config{}).Start(context.Background(), spec(os.Getenv("PLUGINHOST_TEST_HOST"), "wait"))
	if err != nil {
		panic(err)
	}
	s, err := p.Map(context.Background(), &pluginv1.MapStart{})
	if err != nil {
		panic(err)
	}
	b := s.Buffer(10)
	b.Data, b.Off = append(b.Data, "x"...), []int32{0, 1}
	if err := s.Send(context.Background(), b); err != nil {
		panic(err)
	}
	fmt.Println(p.runner.ID())
	select {}
}

func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

func spec(scratch, mode string) Spec {
	s := Spec{Job: "test", Path: self(), Scratch: scratch, Slots: 2}
	if mode != "" {
		s.Args = []string{"-mode=" + mode}
	}
	return s
}

func started(t *testing.T, mode string) *Process { return startedOver(t, mode, false) }

func startedOver(t *testing.T, mode string, plain bool) *Process {
	t.Helper()
	spec := spec(t.TempDir(), mode)
	spec.PlainStream = plain
	p, err := New(Config{}).Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if (p.shared == nil) != plain {
		t.Errorf("memory shared is %v, the plain stream was asked for is %v", p.shared, plain)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// overEach runs a test with batches in shared memory and on the stream.
func overEach(t *testing.T, f func(t *testing.T, plain bool)) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%v", plain), func(t *testing.T) { f(t, plain) })
	}
}

// mapLines runs one map attempt over lines and gives the keys that come out.
func mapLines(ctx context.Context, p *Process, lines ...string) ([]string, error) {
	s, err := p.Map(ctx, &pluginv1.MapStart{Partitions: 1})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		for _, l := range lines { // a batch of each
			b := s.Buffer(len(l))
			if b == nil {
				return // the stream has ended
			}
			b.Data = append(b.Data, l...)
			b.Off = append(b.Off, 0, int32(len(l)))
			if s.Send(ctx, b) != nil {
				return
			}
		}
		_ = s.CloseSend()
	})
	var keys []string
	for {
		b, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return keys, err
		}
		for i := range b.Len() {
			keys = append(keys, string(b.Key(i)))
		}
	}
}

func TestStartAndMap(t *testing.T) {
	overEach(t, func(t *testing.T, plain bool) {
		p := startedOver(t, "", plain)
		if d := p.Describe(); d.GetStages()[0].GetName() != "test" || !strings.HasPrefix(d.GetSdk(), "go/") {
			t.Errorf("described as %v", d)
		}
		lines := []string{"to be or", strings.Repeat("x", 3<<20), "not to be", strings.Repeat("y", 1<<20)}
		lines = append(lines, slices.Repeat([]string{"to be or not to be"}, 20)...)
		for range 30 { // one process, more attempts than it has segments for at once
			keys, err := mapLines(t.Context(), p, lines...)
			slices.Sort(keys)
			if err != nil || len(keys) != 6 || keys[0] != "be" || len(keys[4]) != 3<<20 || len(keys[5]) != 1<<20 {
				t.Fatalf("%d keys, %v", len(keys), err)
			}
		}
		if gone, how := p.Exited(); gone {
			t.Errorf("it has ended: %s", how)
		}
	})
}

// A plugin gets nothing but its folder and what the handshake needs.
func TestWhatAPluginGets(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	p := started(t, "about")
	keys, err := mapLines(t.Context(), p, "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if env, ok := strings.CutPrefix(k, "env "); ok {
			name, _, _ := strings.Cut(env, "=")
			if !strings.HasPrefix(name, "PLUGIN_") && !strings.HasPrefix(name, "MRCTL_") && name != "TMPDIR" {
				t.Errorf("it sees %s", env)
			}
			if dir, ok := strings.CutPrefix(env, "PLUGIN_UNIX_SOCKET_DIR="); ok {
				st, err := os.Stat(dir)
				if err != nil || st.Mode().Perm() != 0o700 || len(dir)+len("/plugin1234567890") >= 100 {
					t.Errorf("sockets are in %s, %v, %v", dir, st.Mode(), err)
				}
			}
		}
		if dir, ok := strings.CutPrefix(k, "dir "); ok {
			if st, err := os.Stat(filepath.Join(dir, "stderr")); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("it stands in %s: %v", dir, err)
			}
		}
		if in, ok := strings.CutPrefix(k, "stdin "); ok && in != `"" <nil>` {
			t.Errorf("standard input is %s", in)
		}
	}
	if len(keys) < 5 {
		t.Errorf("it says %q", keys)
	}
}

func TestPluginsThatDoNotStart(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("not a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spec    Spec
		want    []string
		timeout time.Duration
	}{
		"never answers":   {spec(t.TempDir(), "hang"), []string{"did not answer within 300ms", "jobs.Main"}, 300 * time.Millisecond},
		"is killed":       {spec(t.TempDir(), "killed"), []string{"killed (signal 9)", "memory"}, 0},
		"exits":           {spec(t.TempDir(), "exit"), []string{"not a plugin", "status 3", "no database today"}, 0},
		"another program": {Spec{Path: "/bin/true", Scratch: t.TempDir()}, []string{"not a plugin", "status 0"}, 0},
		"prints too soon": {spec(t.TempDir(), "garbage"), []string{"not a plugin", "hello, world"}, 0},
		"no program":      {Spec{Path: text, Scratch: t.TempDir()}, []string{"notes.txt", "exec format error"}, 0},
		"not there":       {Spec{Path: text + "x", Scratch: t.TempDir()}, []string{"notes.txtx", "no such file"}, 0},
		"wrong flags":     {Spec{Path: self(), Args: []string{"-nope"}, Scratch: t.TempDir()}, []string{"not defined: -nope"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(Config{StartTimeout: c.timeout}).Start(t.Context(), c.spec)
			want := errs.Invalid
			if name == "never answers" || name == "is killed" {
				want = errs.UserCode // it may start elsewhere
			}
			if p != nil || errs.KindOf(err) != want {
				t.Fatalf("started: %v (%v)", err, errs.KindOf(err))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestStartIsCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := New(Config{}).Start(ctx, spec(t.TempDir(), "hang"))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second {
		t.Errorf("ended with %v after %v", err, time.Since(begun))
	}
}

func TestDeaths(t *testing.T) {
	overEach(t, deaths)
}

func deaths(t *testing.T, plain bool) {
	for mode, want := range map[string][]string{
		"panic":       {"panic: no good: x", "host_test.go"},
		"os-exit":     {"exited with status 7", "about to leave"},
		"crash":       {"exited with status 2", "panic: in a goroutine of its own", "host_test.go"},
		"kill":        {"signal 9", "memory"},
		"leave-child": {"exited with status 1", "child "},
	} {
		t.Run(mode, func(t *testing.T) {
			p := startedOver(t, mode, plain)
			_, err := mapLines(t.Context(), p, slices.Repeat([]string{"x"}, 20)...) // more than it can hold
			if errs.KindOf(err) != errs.UserCode {
				t.Errorf("the kind is %v: %v", errs.KindOf(err), err)
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the error is %v, want %q in it", err, w)
				}
			}
			gone, how := p.Exited()
			if gone != (mode != "panic") {
				t.Errorf("exited is %v, %q", gone, how)
			}
			if mode == "leave-child" {
				var child int
				if _, err := fmt.Sscanf(string(p.Stderr()), "child %d", &child); err != nil {
					t.Fatal(err)
				}
				awaitDeath(t, child)
			}
			if !gone {
				return
			}
			if _, err := mapLines(t.Context(), p, "x"); errs.KindOf(err) != errs.UserCode {
				t.Errorf("an attempt after that ends with %v", err)
			}
		})
	}
}

func TestWordsAreKept(t *testing.T) {
	p := started(t, "talk")
	if _, err := mapLines(t.Context(), p, "x"); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if s := p.Stderr(); len(s) > tailSize || !bytes.Contains(s, []byte("line ")) {
		t.Errorf("%d bytes are kept", len(s))
	}
}

func TestTailIsBounded(t *testing.T) {
	var l tail
	name := filepath.Join(t.TempDir(), "log")
	if err := l.logTo(name); err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 999) + "\n")
	for range 2 * logSize / len(line) {
		if n, err := l.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	l.close()
	if st, err := os.Stat(name); err != nil || st.Size() != logSize {
		t.Errorf("the file has %d bytes, %v", st.Size(), err)
	}
	if n := len(l.bytes()); n != tailSize || cap(l.buf) > 4*tailSize {
		t.Errorf("%d bytes are kept, in %d", n, cap(l.buf))
	}
	if s := l.last(1500); len(s) != 999 {
		t.Errorf("the last words have %d bytes", len(s))
	}
}

// awaitDeath waits until a process is gone, or a zombie that somebody else must bury.
func awaitDeath(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n == 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
			t.Fatalf("process %d has outlived its worker", pid)
		}
		return
	}
}

// Whatever kills the worker, the plugin dies too, with an attempt that never ends.
func TestNoOrphans(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Fatal("this test needs Linux")
	}
	cmd := exec.Command(self())
	cmd.Env = append(os.Environ(), "PLUGINHOST_TEST_HOST="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	awaitDeath(t, pid)
}

// The pipe alone is enough, where the kernel does not tell the child.
func TestParentPipe(t *testing.T) {
	given, watched, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self())
	cmd.ExtraFiles = []*os.File{given}
	cmd.Env = []string{
		boundary.Handshake.MagicCookieKey + "=" + boundary.Handshake.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1",
		boundary.ParentPipe + "=3", "PLUGIN_UNIX_SOCKET_DIR=" + t.TempDir(),
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	given.Close()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it serves
		t.Fatal(err)
	}
	watched.Close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}

func TestCloseEndsAttempts(t *testing.T) {
	p := started(t, "wait")
	ended := make(chan error, 1)
	go func() {
		_, err := mapLines(t.Context(), p, "x")
		ended <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; errs.KindOf(err) != errs.Canceled && errs.KindOf(err) != errs.Unavailable {
		t.Errorf("the attempt ended with %v (%v)", err, errs.KindOf(err))
	}
	if gone, _ := p.Exited(); !gone {
		t.Error("it lives")
	}
}

func TestFetch(t *testing.T) {
	store := mem.New()
	body := []byte("#!/bin/sh\nexit 0\n")
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	put := func(key string, body []byte) {
		t.Helper()
		w, err := store.Create(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		tok, err := w.Stage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Publish(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
	}
	put(ledger.PluginKey(digest), body)
	opens := &counting{Store: store}
	h := New(Config{Dir: filepath.Join(t.TempDir(), "plugins"), Store: opens})
	path, err := h.Fetch(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o500 {
		t.Errorf("its mode is %v, %v", st.Mode(), err)
	}
	if _, err := h.Fetch(t.Context(), digest); err != nil || opens.n != 1 {
		t.Errorf("fetched %d times, %v", opens.n, err)
	}
	// A file that was tampered with is not run but fetched again.
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Fetch(t.Context(), digest); err != nil || opens.n != 2 {
		t.Errorf("fetched %d times, %v", opens.n, err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the file is %q, %v", got, err)
	}
	if _, err := h.Fetch(t.Context(), strings.Repeat("0", 64)); errs.KindOf(err) != errs.NotFound {
		t.Errorf("an unknown plugin is %v", err)
	}
	wrong := strings.Repeat("1", 64)
	put(ledger.PluginKey(wrong), body)
	if _, err := h.Fetch(t.Context(), wrong); errs.KindOf(err) != errs.Corrupt {
		t.Errorf("a plugin of other bytes is %v", err)
	}
	if files, err := os.ReadDir(h.cfg.Dir); err != nil || len(files) != 1 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
}

// counting counts how often something is opened.
type counting struct {
	storage.Store
	n int
}

func (c *counting) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	c.n++
	return c.Store.Open(ctx, key, off, n)
}

func TestDescribeBinary(t *testing.T) {
	d, err := DescribeBinary(t.Context(), self(), nil)
	if err != nil || d.GetStages()[0].GetName() != "test" {
		t.Errorf("described as %v, %v", d, err)
	}
	for _, f := range d.GetFlags() {
		if f.GetName() == "mode" && f.GetUsage() == "how to behave" {
			return
		}
	}
	t.Errorf("its flags are %v", d.GetFlags())
}

// BenchmarkStart is a start with its Describe, and the end.
func BenchmarkStart(b *testing.B) {
	h := New(Config{})
	scratch := b.TempDir()
	for b.Loop() {
		p, err := h.Start(b.Context(), spec(scratch, ""))
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
