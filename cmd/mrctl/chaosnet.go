package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/integration/chaos"
	"github.com/mrctl/mrctl/integration/chaos/netspace"
	"github.com/mrctl/mrctl/internal/errs"
)

// insideVariable is set for a campaign that has been started again where its user is root.
const insideVariable = "MRCTL_CHAOS_INSIDE"

// spaces decides by --net and by what can be had here whether processes get networks of their own, and says which it is. Where
// the user lacks the right to make them but can be given it, the campaign is done by another process that has it: then done is
// true, and err is how that went.
func (p *program) spaces(c *cli.Context) (spaces, done bool, err error) {
	wanted := c.String("net")
	switch wanted {
	case chaos.Proxies:
		fmt.Fprintln(p.stderr, "net: proxies")
		return false, false, nil
	case chaos.Namespaces, "auto":
	default:
		return false, false, errs.New(errs.Invalid, "chaos: --net is namespaces, proxies or auto, not %q", wanted)
	}
	why := netspace.Check()
	if why == nil {
		fmt.Fprintln(p.stderr, "net: namespaces, one for each process")
		return true, false, nil
	}
	if os.Getenv(insideVariable) == "" && os.Geteuid() != 0 {
		if done, err = p.inside(c.Context); done {
			return false, true, err
		}
		why = fmt.Errorf("%w; %w", why, err)
	}
	if wanted == chaos.Namespaces {
		return false, false, next(errs.E(errs.Invalid, "chaos: --net namespaces cannot be had here", "", why),
			"run it as root on Linux with /dev/net/tun, or with --net proxies")
	}
	fmt.Fprintf(p.stderr, "net: proxies (namespaces cannot be had: %v)\n", why)
	return false, false, nil
}

// inside does the same command in a user namespace. Not done, err says why not.
func (p *program) inside(ctx context.Context) (done bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := netspace.AsRoot(cmd); err != nil {
		return false, err
	}
	runtime.LockOSThread() // it dies with this thread
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("a user namespace: %w", err)
	}
	if err = cmd.Wait(); err == nil {
		return true, nil
	}
	return true, exitWith(max(1, cmd.ProcessState.ExitCode()), fmt.Errorf("%w: %w", errSaid, err))
}
