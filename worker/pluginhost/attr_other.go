//go:build !linux

package pluginhost

import (
	"os"
	"syscall"
)

// attributes: no Pdeathsig here; the pipe alone tells the plugin that its worker is gone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func kill(p *os.Process) error { return p.Kill() }

// awaitEnd cannot look at an end without taking it, and leaves that to Wait.
func awaitEnd(*os.Process) bool { return false }

func identityOf(st os.FileInfo) identity {
	return identity{size: st.Size(), mod: st.ModTime().UnixNano()}
}
