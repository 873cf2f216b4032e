package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/mrctl/mrctl/internal/child"
)

// Proc is one process of the cluster. It dies with the one that started it.
type Proc struct {
	Name    string
	Log     string // path of what it prints
	process *child.Process
}

// StartProc starts a binary with more environment. What it prints is added to the file log.
func StartProc(name, log string, env []string, binary string, args ...string) (*Proc, error) {
	return StartProcIn(nil, name, log, env, binary, args...)
}

// StartProcIn is StartProc where enter, if not nil, has changed the thread that starts the process (child.StartIn).
func StartProcIn(enter func() error, name, log string, env []string, binary string, args ...string) (_ *Proc, err error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }() // the process has its own
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = f, f
	p := &Proc{Name: name, Log: log}
	if p.process, err = child.StartIn(enter, cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Pid is the process id.
func (p *Proc) Pid() int { return p.process.Pid() }

// Signal sends a signal; a process that is gone already takes none.
func (p *Proc) Signal(s syscall.Signal) {
	if p.Alive() {
		_ = syscall.Kill(p.Pid(), s) // it may have ended since
	}
}

// Kill sends SIGKILL and waits for the end.
func (p *Proc) Kill() { p.Signal(syscall.SIGKILL); <-p.Exited() }

// Exited is closed when the process has ended.
func (p *Proc) Exited() <-chan struct{} { return p.process.Done() }

// Err waits for the end and says how it was: nil for exit code 0.
func (p *Proc) Err() error { return p.process.Err() }

// Alive tells whether the process runs.
func (p *Proc) Alive() bool {
	select {
	case <-p.Exited():
		return false
	default:
		return true
	}
}
