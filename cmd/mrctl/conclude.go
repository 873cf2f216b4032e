package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/csv"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
)

// follow watches a job to its end and shows its progress as the flags ask for it.
func (p *program) follow(c *cli.Context, cl *cluster, id string) (*controlv1.JobStatus, error) {
	return p.followIn(c.Context, c, cl, id)
}

func (p *program) followIn(ctx context.Context, c *cli.Context, cl *cluster, id string) (*controlv1.JobStatus, error) {
	pr := p.newProgress(c.Bool(flagJSON), c.Bool(flagQuiet))
	defer pr.end()
	return cl.watch(ctx, id, true, pr.see)
}

// conclude says how a job ended, in words or as {"result": ...}, and gives a failed one as an error.
func (p *program) conclude(c *cli.Context, cl *cluster, s *controlv1.JobStatus) error {
	if c.Bool(flagJSON) {
		if err := printJSON(p.stdout, map[string]jobView{"result": viewJob(s)}); err != nil {
			return err
		}
	} else if !c.Bool(flagQuiet) {
		for _, w := range s.Warnings {
			fmt.Fprintln(p.stderr, "warning:", w)
		}
		if s.Phase == controlv1.JobStatus_PHASE_DONE {
			text, named := resultText(s), namedText(s.Counters)
			if s.Output != "" {
				text += " in " + s.Output
			}
			kept := s.Output != "" && fileFormat(c) == "" // a file is the result alone
			if named != "" && kept {
				text += ", and named outputs (" + named + ")"
			}
			fmt.Fprintf(p.stderr, "done: %s, took %s\n", text, tookCell(s, time.Now()))
			if named != "" && !kept {
				fmt.Fprintf(p.stderr, "rows of named outputs are not kept (%s); -o DIR keeps them\n", named)
			}
		}
	}
	hint := "mrctl diagnose " + s.Id
	if uri := c.String(flagStore); uri != "" {
		hint += " --store " + uri
	}
	return jobError(s, hint+" says why, and what to do")
}

// jobError is the error of a job that has ended, nil if it did what was asked. A job that was refused before any of its
// tasks ran (an input that is not there, an output that is not empty) exits as wrong usage does.
func jobError(s *controlv1.JobStatus, hint string) error {
	switch s.Phase {
	case controlv1.JobStatus_PHASE_DONE:
		return nil
	case controlv1.JobStatus_PHASE_CANCELLED:
		why := s.Error
		if why == "" {
			why = "no reason was given"
		}
		return exitWith(exitFailed, errs.New(errs.Canceled, "job %s: it was cancelled: %s", s.Id, why))
	}
	kind := errs.Kind(s.ErrorKind)
	err := errs.New(kind, "job %s: %s", s.Id, s.Error)
	if !worked(s) {
		switch kind {
		case errs.Invalid, errs.NotFound, errs.Conflict, errs.Unavailable:
			return err // by its kind
		}
	}
	return exitWith(exitFailed, next(err, "%s", hint))
}

// worked says that tasks of a job were started.
func worked(s *controlv1.JobStatus) bool {
	if s.AttemptsFailed+s.AttemptsLost > 0 {
		return true
	}
	for _, st := range s.Stages {
		if st.Done+st.Running > 0 {
			return true
		}
	}
	return false
}

// printParts writes the parts of a job that keeps them with itself, in order, and checks each against its record. The header
// of csv is written once.
func printParts(ctx context.Context, w io.Writer, cl *cluster, id string) error {
	job, err := ledger.ReadJob(ctx, cl.store, id)
	if err != nil {
		return err
	}
	for i, part := range job.Parts {
		to := w
		if i > 0 && output.FormatOf(part.Key).Base() == output.CSV {
			to = &csv.Headless{W: w}
		}
		if err := copyPart(ctx, to, cl, id, part); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
	}
	return nil
}

// keptPartKey is where a part lies in the cluster's store if its job names no output folder.
func keptPartKey(id, key string) string { return ledger.OutputFolder(id) + "/" + key }
