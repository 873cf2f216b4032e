package pluginhost

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes: a process group of its own, so that what it starts is killed with it; and death with our thread.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func kill(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// awaitEnd returns true when the process has ended, without taking its status from whoever waits for it: until that is
// done its process group cannot be another's.
func awaitEnd(p *os.Process) bool {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

// identityOf tells a file from any other that may take its place or its bytes.
func identityOf(st os.FileInfo) identity {
	id := identity{size: st.Size(), mod: st.ModTime().UnixNano()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		id.dev, id.ino, id.changed = s.Dev, s.Ino, s.Ctim.Nano()
	}
	return id
}
