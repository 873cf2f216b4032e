package s3server

import "syscall"

// dieWithParent has the kernel kill the server when this process is gone, however it went.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
