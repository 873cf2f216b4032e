//go:build !linux

package child

import "syscall"

// attributes: death with the parent is more than this system offers. A child may outlive a parent that was killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
