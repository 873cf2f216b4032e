package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/mrctl/mrctl/internal/errs"
)

// The exit codes of mrctl; scripts rely on them.
const (
	exitDone        = 0   // done
	exitFailed      = 1   // the job failed
	exitUsage       = 2   // wrong usage or job spec; nothing was started
	exitUnreachable = 3   // the cluster or its store cannot be reached
	exitGate        = 4   // a gate set by the user was not met
	exitInterrupted = 130 // interrupted, as by Ctrl-C
)

// errInterrupted is the cause with which a context ends when the user interrupts.
var errInterrupted = errs.New(errs.Canceled, "interrupted")

// errTerminated is that cause where somebody else ends the process (SIGTERM): a server has time to hand over what it does.
var errTerminated = fmt.Errorf("%w by SIGTERM", errInterrupted)

// errPipeClosed is what writing to standard output gives once nobody reads it.
var errPipeClosed = errors.New("standard output was closed")

// errSaid is an error that another process has told the user about.
var errSaid = errors.New("said already")

// failure is an error with an exit code of its own and what to do about it.
type failure struct {
	err  error
	code int // 0: by the error's kind
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// next adds to an error what the user can do about it.
func next(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &failure{err: err, hint: fmt.Sprintf(format, args...)}
}

// exitWith gives an error an exit code that is not that of its kind.
func exitWith(code int, err error) error {
	if err == nil {
		return nil
	}
	return &failure{err: err, code: code}
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	if err == nil || errors.Is(err, errPipeClosed) {
		return exitDone // who closes the pipe has seen enough
	}
	for e := err; e != nil; {
		var f *failure
		if !errors.As(e, &f) {
			break
		}
		if f.code != 0 {
			return f.code
		}
		e = f.err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	switch errs.KindOf(err) {
	case errs.Invalid, errs.NotFound, errs.Conflict:
		return exitUsage
	case errs.Unavailable:
		return exitUnreachable
	case errs.Canceled:
		return exitInterrupted
	}
	return exitFailed
}

// report prints an error in one line, what follows it (a stack, a compiler's words) as it is, and what to do next.
func report(w io.Writer, err error) {
	if err == nil || errors.Is(err, errPipeClosed) || errors.Is(err, errSaid) {
		return
	}
	text := strings.TrimRight(err.Error(), "\n")
	line, rest, more := strings.Cut(text, "\n")
	fmt.Fprintf(w, "mrctl: %s\n", strings.TrimPrefix(line, "mrctl: "))
	if more {
		fmt.Fprintln(w, rest)
	}
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(w, "next: %s\n", hint)
	} else if errs.Is(err, errs.Unavailable) {
		fmt.Fprintln(w, "next: mrctl doctor says what cannot be reached")
	}
}

// hintOf finds what an error says to do next.
func hintOf(err error) string {
	var f *failure
	for e := err; errors.As(e, &f); e = f.err {
		if f.hint != "" {
			return f.hint
		}
	}
	return ""
}

// quietPipe turns the error of a closed pipe into errPipeClosed, so that `mrctl ... | head` ends without noise. It takes
// a handler for SIGPIPE (see main), without which the process would die in the middle of its tidying up.
type quietPipe struct{ w io.Writer }

func (q quietPipe) Write(p []byte) (int, error) {
	n, err := q.w.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = errPipeClosed
	}
	return n, err
}
