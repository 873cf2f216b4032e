package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	hostrunner "github.com/hashicorp/go-plugin/runner"
)

// ParentFD is the descriptor on which a plugin notices that its worker is gone, as ParentEnv tells it.
const (
	ParentFD  = 3
	ParentEnv = "MRCTL_PARENT_FD"
)

// runner starts a plugin the way we want it; go-plugin's own would hand down standard input and the process group.
type runner struct {
	p      *Process
	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr io.ReadCloser
	// watched is the end of the pipe that the plugin watches the other end of.
	watched *os.File
	given   *os.File
	// giveUp makes the end of the context of the start kill the process, until the function it returns is called.
	giveUp func() (done func() bool)
	over   chan struct{} // closed when the process may be waited for
	killed atomic.Bool   // by us
}

var _ hostrunner.Runner = (*runner)(nil)

// newRunner makes the function that go-plugin calls with what the handshake needs in the environment.
func (p *Process) newRunner(ctx context.Context, path string, s Spec) func(hclog.Logger, *exec.Cmd, string) (hostrunner.Runner, error) {
	return func(_ hclog.Logger, want *exec.Cmd, _ string) (hostrunner.Runner, error) {
		cmd := exec.Command(path, s.Args...)
		cmd.Dir = s.Scratch
		cmd.Env = append(want.Env, ParentEnv+"="+strconv.Itoa(ParentFD), "TMPDIR="+s.Scratch)
		cmd.SysProcAttr = attributes()
		given, watched, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		cmd.ExtraFiles = []*os.File{given}
		r := &runner{p: p, cmd: cmd, watched: watched, given: given, over: make(chan struct{})}
		r.giveUp = func() func() bool { return context.AfterFunc(ctx, func() { _ = r.Kill(ctx) }) }
		if r.stdout, err = cmd.StdoutPipe(); err == nil {
			r.stderr, err = cmd.StderrPipe()
		}
		if err != nil {
			return nil, errors.Join(err, given.Close(), watched.Close())
		}
		p.runner = r
		return r, nil
	}
}

// busyTries is how often a binary that is still open for writing somewhere is tried again: a process that is just being
// forked elsewhere in this program holds every descriptor for a moment (golang.org/issue/22315).
const busyTries = 50

// Start starts the process.
func (r *runner) Start(ctx context.Context) error {
	defer func() { _ = r.given.Close() }() // the child has its own
	for try := 0; ; try++ {
		err := r.cmd.Start()
		if err == nil {
			r.p.threads.Go(r.watch)
			r.p.started = r.giveUp()
			return nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || try == busyTries || ctx.Err() != nil {
			r.letGo()
			r.p.gone("it could not be started: " + err.Error())
			return err
		}
		time.Sleep(2 * time.Millisecond)
		again := exec.Command(r.cmd.Path, r.cmd.Args[1:]...)
		again.Dir, again.Env, again.SysProcAttr, again.ExtraFiles = r.cmd.Dir, r.cmd.Env, r.cmd.SysProcAttr, r.cmd.ExtraFiles
		if r.stdout, err = again.StdoutPipe(); err == nil {
			r.stderr, err = again.StderrPipe()
		}
		if err != nil {
			r.letGo()
			return err
		}
		r.cmd = again
	}
}

// lastWords is how long the pipes of a process that has ended may stay open in other hands.
const lastWords = 500 * time.Millisecond

// watch ends what the process leaves behind: the rest of its group, and its pipes if a process that has left the group
// holds them. go-plugin waits for the end of the pipes before it waits for the process.
func (r *runner) watch() {
	seen := awaitExit(r.cmd.Process.Pid)
	if seen {
		_ = kill(r.cmd.Process) // mostly there is nobody
	}
	close(r.over)
	if !seen {
		return
	}
	select {
	case <-r.p.exited:
	case <-time.After(lastWords):
		_ = r.stdout.Close()
		_ = r.stderr.Close()
	}
}

func (r *runner) running() bool { return r.cmd.Process != nil }

// letGo closes our end of the pipe the plugin watches: it ends by itself.
func (r *runner) letGo() { _ = r.watched.Close() }

// Wait waits for the end of the process.
func (r *runner) Wait(context.Context) error {
	<-r.over
	err := r.cmd.Wait()
	r.letGo()
	r.p.gone(r.ending(r.cmd.ProcessState))
	return err
}

// ending says how a process ended, for its author.
func (r *runner) ending(s *os.ProcessState) string {
	ws, ok := s.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return s.String()
	case ws.Signaled() && r.killed.Load():
		return "it was ended by the worker"
	case ws.Signaled() && ws.Signal() == syscall.SIGKILL:
		return "it was killed (signal 9), as the kernel does when memory runs out"
	case ws.Signaled():
		return fmt.Sprintf("it was ended by signal %d (%s)", int(ws.Signal()), ws.Signal())
	}
	return fmt.Sprintf("it exited with status %d", ws.ExitStatus())
}

// Kill kills the process and all it started.
func (r *runner) Kill(context.Context) error {
	if dead, _ := r.p.Exited(); dead || r.cmd.Process == nil {
		return nil // its id may be another's by now
	}
	r.killed.Store(true)
	err := kill(r.cmd.Process)
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// Stdout carries the handshake.
func (r *runner) Stdout() io.ReadCloser { return r.stdout }

// Stderr carries the plugin's words.
func (r *runner) Stderr() io.ReadCloser { return r.stderr }

// Name is the path of the binary.
func (r *runner) Name() string { return r.cmd.Path }

// ID is the process id.
func (r *runner) ID() string {
	if r.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(r.cmd.Process.Pid)
}

// Diagnose has nothing to add: (*Process).startError says it.
func (r *runner) Diagnose(context.Context) string { return "" }

// PluginToHost and HostToPlugin translate nothing: both sides see one file system.
func (r *runner) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin is PluginToHost's other way.
func (r *runner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
