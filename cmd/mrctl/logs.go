package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

func (p *program) logsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "show what a job's attempts wrote to standard error",
		ArgsUsage: "JOB [TASK]",
		Description: `TASK is like map/17 or reduce/0, or map/17.2 for one attempt.

  mrctl logs 0198c2
  mrctl logs 0198c2 map/17 --store s3://cluster/mrctl`,
		Action: p.logs,
	}
}

func (p *program) logs(c *cli.Context) error {
	if err := needArgs(c, 1, 2); err != nil {
		return err
	}
	want, err := parseTask(c.Args().Get(1))
	if err != nil {
		return err
	}
	cl, id, err := p.openJob(c, c.Args().First())
	if err != nil {
		return err
	}
	defer cl.close()
	out := &logPrinter{w: p.stdout, asJSON: c.Bool(flagJSON), alone: want.attempt >= 0}
	err = cl.askFor(c.Context, 1, func(ctx context.Context, client controlv1.ControlServiceClient) error {
		stream, err := client.Logs(ctx, &controlv1.LogsRequest{Job: id, Task: c.Args().Get(1)})
		if err != nil {
			return err
		}
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := out.print(m.Task, m.Text); err != nil {
				return err
			}
		}
	})
	if err == nil || out.begun || !passing(err) {
		return err
	}
	return cl.storedLogs(c.Context, id, want, out)
}

// storedLogs prints what lies in the store, which is all there is once nobody leads.
func (cl *cluster) storedLogs(ctx context.Context, id string, want task, out *logPrinter) error {
	prefix := "jobs/" + id + "/logs/"
	for info, err := range cl.store.List(ctx, prefix, "") {
		if err != nil {
			return err
		}
		at, ok := taskOfLog(id, info.Key)
		if !ok || !want.holds(at) {
			continue
		}
		body, _, err := cl.store.Open(ctx, info.Key, 0, -1)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(body, 16<<20)) // workers keep far less
		_ = body.Close()                                      // it was only read
		if err != nil {
			return err
		}
		if err := out.print(at.String(), text); err != nil {
			return err
		}
	}
	return nil
}

// logPrinter writes logs, each under a heading unless only one was asked for.
type logPrinter struct {
	w      io.Writer
	asJSON bool
	alone  bool
	begun  bool
	last   string
}

func (l *logPrinter) print(task string, text []byte) error {
	l.begun = true
	if l.asJSON {
		return printJSON(l.w, map[string]string{"task": task, "text": string(text)})
	}
	if !l.alone && task != l.last {
		if _, err := fmt.Fprintf(l.w, "==> %s <==\n", task); err != nil {
			return err
		}
	}
	l.last = task
	if n := len(text); n > 0 && text[n-1] != '\n' && !l.alone {
		text = append(text, '\n')
	}
	_, err := l.w.Write(text)
	return err
}

// task names a task or, where attempt is not -1, an attempt of one. An empty phase is all tasks.
type task struct {
	phase   ledger.TaskPhase
	stage   int // counted from 0
	index   int
	attempt int
}

func (t task) String() string {
	name := fmt.Sprintf("%s/%d.%d", t.phase, t.index, t.attempt)
	if t.stage > 0 {
		name = fmt.Sprintf("%d:%s", t.stage+1, name)
	}
	return name
}

func (t task) holds(at task) bool {
	return t.phase == "" || t.phase == at.phase && t.stage == at.stage && t.index == at.index && (t.attempt < 0 || t.attempt == at.attempt)
}

func parseTask(s string) (task, error) {
	t := task{attempt: -1}
	if s == "" {
		return t, nil
	}
	if n, rest, has := strings.Cut(s, ":"); has {
		if _, err := fmt.Sscanf(n, "%d", &t.stage); err != nil || t.stage < 1 {
			return t, errs.New(errs.Invalid, "task %q: in the second stage of a job it is like 2:map/17", s)
		}
		t.stage--
		s = rest
	}
	phase, number, _ := strings.Cut(s, "/")
	index, attempt, one := strings.Cut(number, ".")
	_, err := fmt.Sscanf(index, "%d", &t.index)
	if one && err == nil {
		_, err = fmt.Sscanf(attempt, "%d", &t.attempt)
	}
	t.phase = ledger.TaskPhase(phase)
	if err != nil || t.phase != ledger.Map && t.phase != ledger.Reduce {
		return t, errs.New(errs.Invalid, "task %q: it is not like map/17, reduce/0 or map/17.2", s)
	}
	return t, nil
}

// taskOfLog reads a key of ledger.LogKey back.
func taskOfLog(id, key string) (task, bool) {
	name, ok := strings.CutPrefix(key, "jobs/"+id+"/logs/")
	if !ok {
		return task{}, false
	}
	parts := strings.SplitN(name, "-", 3) // stage, phase, number.attempt
	if len(parts) != 3 {
		return task{}, false
	}
	t := task{phase: ledger.TaskPhase(parts[1])}
	if _, err := fmt.Sscanf(parts[0], "%d", &t.stage); err != nil {
		return task{}, false
	}
	_, err := fmt.Sscanf(parts[2], "%d.%d", &t.index, &t.attempt)
	return t, err == nil
}
