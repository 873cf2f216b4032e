// Package child starts processes that die with this one, however it goes: servers of tests, clusters under test. Each is
// in a process group of its own, so that a Ctrl-C at the terminal reaches this process alone, which then ends the others
// in order.
package child

import (
	"os/exec"
	"runtime"
)

// Process is a process that was started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; set before done is closed
}

// Start starts cmd. Its SysProcAttr is replaced.
func Start(cmd *exec.Cmd) (*Process, error) { return StartIn(nil, cmd) }

// StartIn is Start from a thread that enter, where it is not nil, has changed before, so that the process inherits what the
// thread has, such as another network. Nothing else ever runs on that thread.
func StartIn(enter func() error, cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		// The kernel takes the end of the thread that started a child for the end of the parent.
		runtime.LockOSThread()
		var err error
		if enter == nil {
			defer runtime.UnlockOSThread()
		} else {
			err = enter()
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, err
	}
	return p, nil
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended: nil, or what exec.Cmd.Wait said. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}
