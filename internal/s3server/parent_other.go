//go:build !linux

package s3server

import "syscall"

// dieWithParent is more than this system offers: a server may outlive a parent that was killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
