package netspace

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// AsRoot prepares a command to run in a user namespace in which this user is root: there it can make spaces, and mount, and
// outside it may do what it might before. It dies with the thread that starts it. The error says why that would be in vain; that
// users may make namespaces at all only the start shows.
func AsRoot(cmd *exec.Cmd) error {
	const device = "/dev/net/tun"
	if err := unix.Access(device, unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL, Setpgid: true,
	}
	return nil
}
