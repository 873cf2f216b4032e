package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Run runs a binary with more environment and gives what it printed and its exit code.
func Run(ctx context.Context, binary string, env []string, args ...string) (Result, error) {
	return RunWatched(ctx, binary, env, func(int, bool) {}, args...)
}

// RunWatched is Run that tells of the process when it has started and when it has ended.
func RunWatched(ctx context.Context, binary string, env []string, tell func(pid int, alive bool), args ...string) (Result, error) {
	return RunStarted(ctx, (*exec.Cmd).Start, binary, env, tell, args...)
}

// RunStarted is RunWatched that leaves it to start to start the process.
func RunStarted(ctx context.Context, start func(*exec.Cmd) error, binary string, env []string, tell func(pid int, alive bool), args ...string) (Result, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := start(cmd)
	if err == nil {
		tell(cmd.Process.Pid, true)
		err = cmd.Wait()
		tell(cmd.Process.Pid, false)
	}
	r := Result{Out: out.String(), Err: errOut.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.Code = exit.ExitCode()
		if ctx.Err() != nil {
			return r, fmt.Errorf("mrctl %s: %w", strings.Join(args, " "), ctx.Err())
		}
		return r, nil
	}
	return r, err
}
