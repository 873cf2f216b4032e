//go:build !linux

package pluginhost

import (
	"os"
	"syscall"
)

// attributes: no Pdeathsig here; the pipe alone tells the plugin that its worker is gone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func kill(p *os.Process) error { return p.Kill() }

// awaitExit is not to be had here: what a plugin started and left behind is not looked for.
func awaitExit(int) bool { return false }
