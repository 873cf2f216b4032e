package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

func TestExitCodes(t *testing.T) {
	failed := func(kind errs.Kind, stages ...*controlv1.StageStatus) error {
		return jobError(&controlv1.JobStatus{Id: "j", Phase: controlv1.JobStatus_PHASE_FAILED, Error: "why",
			ErrorKind: uint32(kind), Stages: stages}, "look")
	}
	ran := &controlv1.StageStatus{Name: "map", Tasks: 2, Running: 1}
	waits := &controlv1.StageStatus{Name: "map", Tasks: 2, Waiting: 2}
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"done", jobError(&controlv1.JobStatus{Phase: controlv1.JobStatus_PHASE_DONE}, ""), 0},
		{"reader had enough", fmt.Errorf("print: %w", errPipeClosed), 0},
		{"usage", errs.New(errs.Invalid, "flag"), 2},
		{"input not there", errs.New(errs.NotFound, "input"), 2},
		{"output not empty", errs.New(errs.Conflict, "output"), 2},
		{"with advice", next(errs.New(errs.Invalid, "flag"), "do this"), 2},
		{"wrapped", fmt.Errorf("open: %w", next(errs.New(errs.Unavailable, "store"), "do that")), 3},
		{"store unreachable", errs.New(errs.Unavailable, "store"), 3},
		{"too slow", context.DeadlineExceeded, 3},
		{"interrupted", errInterrupted, 130},
		{"interrupted and more", errors.Join(errInterrupted, errs.New(errs.Unavailable, "cancel")), 130},
		{"cancelled context", fmt.Errorf("watch: %w", context.Canceled), 130},
		{"corrupt", errs.New(errs.Corrupt, "part"), 1},
		{"unclassified", errors.New("something"), 1},
		{"a code of its own", exitWith(exitGate, errs.New(errs.Invalid, "gate")), 4},
		{"the outer code holds", exitWith(exitGate, exitWith(exitFailed, errors.New("x"))), 4},

		{"job: user code", failed(errs.UserCode, ran), 1},
		{"job: refused before work", failed(errs.NotFound), 2},
		{"job: refused after planning", failed(errs.Conflict, waits), 2},
		{"job: input vanished at work", failed(errs.NotFound, ran), 1},
		{"job: bucket unreachable before work", failed(errs.Unavailable), 3},
		{"job: bucket lost at work", failed(errs.Unavailable, ran), 1},
		{"job: nobody to work", failed(errs.Other, waits), 1},
		{"job: cancelled by another", jobError(&controlv1.JobStatus{Phase: controlv1.JobStatus_PHASE_CANCELLED}, ""), 1},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: exits with %d, want %d", c.name, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing", nil, ""},
		{"closed pipe", errPipeClosed, ""},
		{"one line", errs.E(errs.Other, "print", "part-00000", errors.New("no space")), "mrctl: print part-00000: no space\n"},
		{"advice", next(errs.New(errs.Invalid, "bad"), "do %s", "this"), "mrctl: bad\nnext: do this\n"},
		{"advice below", fmt.Errorf("run: %w", next(errors.New("bad"), "do this")), "mrctl: run: bad\nnext: do this\n"},
		{"a stack", errors.New("map/3: panic: oh\ngoroutine 7\n\tmain.go:3\n"), "mrctl: map/3: panic: oh\ngoroutine 7\n\tmain.go:3\n"},
		{"unreachable", errs.New(errs.Unavailable, "store"), "mrctl: store\nnext: mrctl doctor says what cannot be reached\n"},
	} {
		var b strings.Builder
		report(&b, c.err)
		if b.String() != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, b.String(), c.want)
		}
	}
}

func TestQuietPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (quietPipe{w}).Write([]byte("rows")); !errors.Is(err, errPipeClosed) || errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing to a closed pipe: %v", err)
	}
}

// What a job failed of decides about the exit code only where none of its tasks ran; the kind and the first cause are told in
// any case.
func TestExitCodesOfJobs(t *testing.T) {
	for kind, codes := range map[errs.Kind][2]int{ // before any task ran, and after
		errs.Other: {exitFailed, exitFailed}, errs.Invalid: {exitUsage, exitFailed}, errs.NotFound: {exitUsage, exitFailed},
		errs.Conflict: {exitUsage, exitFailed}, errs.Unavailable: {exitUnreachable, exitFailed}, errs.UserCode: {exitFailed, exitFailed},
		errs.Fenced: {exitFailed, exitFailed}, errs.Corrupt: {exitFailed, exitFailed}, errs.Canceled: {exitFailed, exitFailed},
	} {
		for worked, want := range codes {
			s := &controlv1.JobStatus{Id: "j", Phase: controlv1.JobStatus_PHASE_FAILED, Error: "the first cause", ErrorKind: uint32(kind), AttemptsFailed: uint64(worked)}
			err := jobError(s, "a hint")
			if exitCode(err) != want || !errs.Is(err, kind) && kind != errs.Other || !strings.Contains(err.Error(), "the first cause") {
				t.Errorf("%v, %d attempts failed: exit code %d, want %d: %v", kind, worked, exitCode(err), want, err)
			}
			if view := viewJob(s); view.ErrorKind != kind.String() || view.Error != "the first cause" {
				t.Errorf("%v is shown as %+v", kind, view)
			}
		}
	}
}
