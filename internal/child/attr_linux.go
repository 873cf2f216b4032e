package child

import "syscall"

// attributes has the kernel kill the child when this process is gone, however it went.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
