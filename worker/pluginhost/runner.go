package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	hostrunner "github.com/hashicorp/go-plugin/runner"

	"github.com/mrctl/mrctl/internal/boundary"
)

// The descriptors that a plugin inherits: one on which it notices that its worker is gone, as boundary.ParentPipe tells
// it, and the memory it may share, as boundary.SegmentsFile does.
const (
	parentFD   = 3
	segmentsFD = 4
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
	swept   chan struct{} // closed when nothing of the process's group is left
}

var _ hostrunner.Runner = (*runner)(nil)

// newRunner makes the function that go-plugin calls with what the handshake needs in the environment.
func (p *Process) newRunner(path string, s Spec) func(hclog.Logger, *exec.Cmd, string) (hostrunner.Runner, error) {
	return func(_ hclog.Logger, want *exec.Cmd, _ string) (hostrunner.Runner, error) {
		cmd := exec.Command(path, s.Args...)
		cmd.Dir = s.Scratch
		cmd.Env = append(want.Env, boundary.ParentPipe+"="+strconv.Itoa(parentFD), "TMPDIR="+s.Scratch)
		if s.Memory > 0 {
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", boundary.MemoryLimit, s.Memory/2*int64(max(s.Slots, 1))))
		}
		if s.Profile != "" {
			cmd.Env = append(cmd.Env, boundary.ProfileFile+"="+s.Profile)
		}
		cmd.SysProcAttr = attributes()
		given, watched, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		cmd.ExtraFiles = []*os.File{given}
		if p.shared != nil {
			cmd.ExtraFiles = append(cmd.ExtraFiles, p.shared.File())
			cmd.Env = append(cmd.Env, boundary.SegmentsFile+"="+p.shared.Setting(segmentsFD))
		}
		r := &runner{p: p, cmd: cmd, watched: watched, given: given, swept: make(chan struct{})}
		if r.stdout, err = cmd.StdoutPipe(); err == nil {
			r.stderr, err = cmd.StderrPipe()
		}
		if err != nil {
			return nil, errors.Join(err, given.Close(), watched.Close())
		}
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
		err := r.launch()
		if err == nil {
			r.p.threads.Go(r.watch)
			return nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || try == busyTries || ctx.Err() != nil {
			r.letGo()
			r.p.gone("it could not be started: "+err.Error(), false)
			return err
		}
		time.Sleep(2 * time.Millisecond)
		again := exec.Command(r.cmd.Path, r.cmd.Args[1:]...)
		again.Dir, again.Env, again.SysProcAttr, again.ExtraFiles = r.cmd.Dir, r.cmd.Env, r.cmd.SysProcAttr, r.cmd.ExtraFiles
		if r.stdout, err = again.StdoutPipe(); err == nil {
			r.stderr, err = again.StderrPipe()
		}
		if err != nil {
			return err
		}
		r.cmd = again
	}
}

// launch starts the process, unless it is not wanted any more.
func (r *runner) launch() error {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.p.closing {
		return context.Canceled
	}
	r.p.runner = r
	return r.cmd.Start()
}

func (r *runner) running() bool { return r.cmd.Process != nil }

// linger is how long the last words of a process are waited for once it has ended.
const linger = 200 * time.Millisecond

// watch waits for the end of the process and then ends what it started and left behind, which would hold its pipes open
// and outlive it.
func (r *runner) watch() {
	defer close(r.swept)
	if !awaitEnd(r.cmd.Process) {
		return
	}
	_ = kill(r.cmd.Process) // there is mostly nothing left
	for _, pipe := range []io.ReadCloser{r.stdout, r.stderr} {
		if f, ok := pipe.(*os.File); ok {
			_ = f.SetReadDeadline(time.Now().Add(linger)) // closed already: nothing is waited for
		}
	}
}

// letGo closes our end of the pipe the plugin watches: it ends by itself.
func (r *runner) letGo() { _ = r.watched.Close() }

// Wait waits for the end of the process.
func (r *runner) Wait(context.Context) error {
	<-r.swept // until then the process group must stay this one's
	err := r.cmd.Wait()
	r.letGo()
	r.p.gone(ending(r.cmd.ProcessState))
	return err
}

// ending says how a process ended and what it had used, for its author, and whether that was by a signal.
func ending(s *os.ProcessState) (how string, signal bool) {
	ws, ok := s.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		how = s.String()
	case ws.Signaled() && ws.Signal() == syscall.SIGKILL:
		how, signal = "it was killed (signal 9), as the kernel does when memory runs out", true
	case ws.Signaled():
		how, signal = fmt.Sprintf("it was ended by signal %d (%s)", int(ws.Signal()), ws.Signal()), true
	default:
		how = fmt.Sprintf("it exited with status %d", ws.ExitStatus())
	}
	return how + usage(s), signal
}

// Kill kills the process and all it started.
func (r *runner) Kill(context.Context) error {
	if r.cmd.Process == nil {
		return nil
	}
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
