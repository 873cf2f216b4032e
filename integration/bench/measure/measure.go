// Package measure runs a program and says what it took: time, processor time, memory, and how much of the machine others
// used meanwhile, as a time taken beside other work is none. The figures come from /proc; where there is none, those it
// would give are zero.
package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Command is a program to run.
type Command struct {
	Argv   []string
	Env    []string // in addition to this process's own
	Stdout string   // path of the file to write; "" throws it away
	// Servers are processes that work for the program: what they and theirs use is not counted as others'.
	Servers []int
}

// Sample is what one run took.
type Sample struct {
	Wall time.Duration
	// CPU is what the process used and all those it waited for.
	CPU time.Duration
	// Foreign is how many cores all other processes of the machine used meanwhile.
	Foreign float64
}

// Run runs a command to its end. A program that ends badly is an error, which holds the end of what it said.
func Run(ctx context.Context, c Command) (Sample, error) {
	return run(ctx, c, func(int, <-chan struct{}) {})
}

// run calls watch once the process is there; watch returns soon after its channel is closed.
func run(ctx context.Context, c Command, watch func(pid int, exited <-chan struct{})) (s Sample, err error) {
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	// A group of its own, so that children of the program end with it when ctx does.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var stderr tail
	cmd.Stderr = &stderr
	if c.Stdout != "" {
		f, err := os.Create(c.Stdout)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		cmd.Stdout = f
	}
	busy := busyTime() - used(c.Servers)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	exited, watched := make(chan struct{}), make(chan struct{})
	go func() { defer close(watched); watch(cmd.Process.Pid, exited) }()
	err = cmd.Wait()
	s.Wall = time.Since(begin)
	busy = busyTime() - used(c.Servers) - busy
	close(exited)
	<-watched
	s.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.Foreign = max(0, (busy-s.CPU).Seconds()/s.Wall.Seconds())
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(c.Argv[0]), errors.Join(ctx.Err(), err), bytes.TrimSpace(stderr.b))
	}
	return s, err
}

// tail keeps the last of what is written.
type tail struct{ b []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}
