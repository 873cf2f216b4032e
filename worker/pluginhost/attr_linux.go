package pluginhost

import (
	"os"
	"syscall"
)

// attributes: a process group of its own, so that what it starts is killed with it; and death with our thread.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func kill(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
