package pluginhost

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes: a process group of its own, so that what it starts is killed with it; and death with our thread.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit waits until a process has ended and leaves it to be waited for, so that its id, and its group's, stay its own.
func awaitExit(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err == nil
		}
	}
}

func kill(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
