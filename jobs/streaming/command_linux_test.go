package streaming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/boundary"
)

// alive tells whether a process runs; one that has ended and is not waited for does not.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// until waits for a condition, a few seconds at most.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: it has not come in time", what)
		}
	}
}

// TestStoppedWithAllItStarted: an attempt that is given up leaves no process of its command.
func TestStoppedWithAllItStarted(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	line := fmt.Sprintf("sleep 1000 & echo $! $$ >%s.new; mv %[1]s.new %[1]s; wait", pids)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the attempt was given up")
	var ids []string
	_, err := run(ctx, t, Config{Map: line}, func() (*boundary.Input, error) {
		until(t, "the command's start", func() bool {
			b, err := os.ReadFile(pids)
			ids = strings.Fields(string(b))
			return err == nil
		})
		cancel(why)
		return nil, io.EOF
	}, 0)
	if !errors.Is(err, why) {
		t.Errorf("it ended with %v", err)
	}
	if len(ids) != 2 {
		t.Fatalf("processes %v", ids)
	}
	for _, pid := range ids {
		until(t, "the end of "+pid, func() bool { return !alive(t, pid) })
	}
}

// orphanCommand has this test binary run a command as an attempt would, and wait for its end.
const orphanCommand = "STREAMING_TEST_COMMAND"

func orphan(line string) {
	c, err := start(setup{what: "map", line: line, dir: "/", frames: lines{}, log: io.Discard, room: 1 << 10})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for b := range c.out {
		_, _ = os.Stdout.Write(b)
	}
	<-c.exited
	os.Exit(0)
}

// TestKilledPlugin: when the process that runs a command is killed, so is all that the command has started.
func TestKilledPlugin(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), orphanCommand+"="+fmt.Sprintf("sleep 1000 </dev/null >/dev/null 2>&1 & echo $! $$ >%s.new; mv %[1]s.new %[1]s; wait", pids))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	until(t, "the command's start", func() bool {
		b, err := os.ReadFile(pids)
		ids = strings.Fields(string(b))
		return err == nil
	})
	if len(ids) != 2 || !alive(t, ids[0]) || !alive(t, ids[1]) {
		t.Fatalf("processes %v do not run", ids)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for _, pid := range ids {
		until(t, "the end of "+pid, func() bool { return !alive(t, pid) })
	}
}

// TestEnvironment: a command sees what it is told and nothing of the worker's.
func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv(boundary.Handshake.MagicCookieKey, boundary.Handshake.MagicCookieValue)
	r, err := run(t.Context(), t, Config{Map: "env"}, batches("a\n", 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MRCTL_JOB=j\n", "MRCTL_TASK=3\n", "MRCTL_ATTEMPT=0\n", "MRCTL_PHASE=map\n", "MRCTL_COMMAND=map\n", "MRCTL_PARTITIONS=1\n", "PATH=" + path + "\n"} {
		if !strings.Contains(r.text, want) {
			t.Errorf("%q is not in %q", want, r.text)
		}
	}
	if strings.Contains(r.text, "secret") || strings.Contains(r.text, boundary.Handshake.MagicCookieKey) {
		t.Errorf("it sees too much: %q", r.text)
	}
	r, err = run(t.Context(), t, Config{Map: "pwd; touch left"}, batches("a\n", 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(strings.TrimSpace(r.text)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the scratch folder %q is left: %v", r.text, err)
	}
}
