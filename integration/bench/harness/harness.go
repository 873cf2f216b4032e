// Package harness measures a case: programs that answer the same question, one of them ours.
//
// First each program runs once, watched for its memory, and the answers are compared; if they differ, no time is taken.
// Then all run in rounds, one after the other, so that each of our times has one of each rival from the same moment
// beside it: virtual machines drift by a quarter within minutes, and only such ratios mean something.
package harness

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/measure"
	"github.com/mrctl/mrctl/integration/bench/report"
)

// Case is a question and who answers it.
type Case struct {
	Row    int // see report.Result
	Name   string
	Title  string
	Bytes  int64    // of our input
	Inputs []string // files that are read once beforehand, so that they are in the page cache

	Sides []Side // ours first; what is asked for is asked against the second
	Must  float64
	Aim   float64
	Limit time.Duration // what our median must not exceed; 0: there is none
	// Memory is the memory our side was told to keep to, in bytes; 0: there is no limit to check.
	Memory int64
	// Watched says that memory alone is asked for: nothing is timed, and to hold more than the limit is a failure.
	Watched bool
	// Diff shows how two outputs with different answers differ; nil: it cannot be shown.
	Diff func(ours, theirs string) (string, error)
}

// Side is one program.
type Side struct {
	Name    string
	Missing string // why it cannot run here; "" it can
	// Command makes the command that writes its result to out, a path where nothing is yet.
	Command func(out string) measure.Command
	// Answer reads the result; nil: the result is not looked at.
	Answer func(out string) (answer.Digest, error)
	// Took reads how long the program says that the work took, where starting it is no part of the question; nil: its
	// whole time counts.
	Took func(out string) (time.Duration, error)
}

// Options say how to measure.
type Options struct {
	Runs    int     // rounds that count
	Quiet   float64 // cores that other processes may use during a run; 0: whatever they use
	Scratch string  // an empty folder for results
	Log     io.Writer
}

// Run measures a case. What goes wrong is said in the result; an error means that ctx has ended.
func Run(ctx context.Context, c Case, o Options) (report.Result, error) {
	r := report.Result{Row: c.Row, Case: c.Name, Title: c.Title, Bytes: c.Bytes, Memory: c.Memory, LimitSeconds: c.Limit.Seconds()}
	var sides []Side
	for i, s := range c.Sides {
		if s.Missing == "" {
			sides = append(sides, s)
			continue
		}
		r.Skipped = append(r.Skipped, report.Skip{What: s.Name, Why: s.Missing})
		if i == 0 {
			return r, nil
		}
	}
	if c.Memory > 0 {
		r.MemoryLimit = c.Memory + 3*c.Memory/10 // and for each process, below
	}
	run := &run{Case: c, Options: o, sides: sides, time: measure.Run}
	if err := run.warm(); err != nil {
		r.Error = err.Error()
		return r, ctx.Err()
	}
	watched, err := run.compare(ctx)
	if err != nil {
		r.Error = err.Error()
		return r, ctx.Err()
	}
	if r.MemoryLimit > 0 {
		r.MemoryLimit += int64(watched[0].Processes) * (64 << 20)
	}
	if c.Watched {
		r.Watched = true
		for i, s := range sides {
			r.Sides = append(r.Sides, report.Side{Name: s.Name, Peak: watched[i].Peak, Processes: watched[i].Processes})
		}
		return r, nil
	}
	rounds, noisy, err := run.rounds(ctx)
	if err != nil {
		r.Error = err.Error()
		return r, ctx.Err()
	}
	r.Noisy = noisy
	r.Sides, r.Ratios = figures(sides, watched, rounds)
	for i := range r.Ratios {
		if r.Ratios[i].Against == c.Sides[1].Name {
			r.Ratios[i].Must, r.Ratios[i].Aim = c.Must, c.Aim
		}
	}
	return r, nil
}

// run is the work on one case.
type run struct {
	Case
	Options
	sides []Side // those that can run
	time  func(context.Context, measure.Command) (measure.Sample, error)
	outs  int // results named so far
}

func (r *run) logf(format string, args ...any) { fmt.Fprintf(r.Log, r.Name+": "+format+"\n", args...) }

// out names a place for a result.
func (r *run) out() string {
	r.outs++
	return filepath.Join(r.Scratch, "out-"+strconv.Itoa(r.outs))
}

// warm reads the inputs.
func (r *run) warm() error {
	for _, path := range r.Inputs {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(struct{ io.Writer }{io.Discard}, f) // the wrapper keeps it from splicing, which reads nothing
		_ = f.Close()                                        // only read
		if err != nil {
			return err
		}
	}
	return nil
}

// compare runs each side once and holds its answer against ours.
func (r *run) compare(ctx context.Context) ([]measure.Memory, error) {
	watched := make([]measure.Memory, len(r.sides))
	var ours string
	var want answer.Digest
	for i, s := range r.sides {
		out := r.out()
		defer func() { _ = os.RemoveAll(out) }() // scratch
		took, memory, err := measure.RunWatched(ctx, s.Command(out), r.every())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		r.logf("%s: %.2f s, %d MiB in %d processes (not counted)", s.Name, took.Wall.Seconds(), memory.Peak>>20, memory.Processes)
		watched[i] = memory
		if s.Answer == nil {
			continue
		}
		got, err := s.Answer(out)
		if err != nil {
			return nil, fmt.Errorf("%s: its answer: %w", s.Name, err)
		}
		if i == 0 {
			ours, want = out, got
			continue
		}
		if got != want {
			return nil, r.differ(s, ours, out, want, got)
		}
	}
	return watched, nil
}

// every is how often memory is looked at: where nothing else is asked for, more often than costs little.
func (r *run) every() time.Duration {
	if r.Watched {
		return 10 * time.Millisecond
	}
	return 50 * time.Millisecond
}

func (r *run) differ(s Side, ours, theirs string, a, b answer.Digest) error {
	detail := ""
	if r.Diff != nil {
		d, err := r.Diff(ours, theirs)
		if err != nil {
			d = err.Error()
		}
		detail = "\n" + d
	}
	return fmt.Errorf("the answers differ: ours has %d rows, %s %d%s", a.Rows, s.Name, b.Rows, detail)
}
