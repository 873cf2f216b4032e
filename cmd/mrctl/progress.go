package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
)

// progress shows a job while it goes on.
type progress interface {
	// see is told of every change; events come once each.
	see(*controlv1.JobStatus, []*controlv1.Event)
	// end is called once, after the last change or where watching ends early.
	end()
}

// newProgress picks how: JSON lines on stdout, bars on a terminal, lines elsewhere, or nothing.
func (p *program) newProgress(asJSON, quiet bool) progress {
	switch {
	case asJSON:
		return &jsonProgress{w: p.stdout}
	case quiet:
		return noProgress{}
	case p.draws:
		return newBars(p.stderr)
	}
	return &lineProgress{w: p.stderr, every: 10 * time.Second, now: time.Now}
}

type noProgress struct{}

func (noProgress) see(*controlv1.JobStatus, []*controlv1.Event) {}
func (noProgress) end()                                         {}

// jsonProgress writes each change as a line: {"status": ...} or {"event": ...}.
type jsonProgress struct {
	w    io.Writer
	last string
}

func (j *jsonProgress) see(s *controlv1.JobStatus, events []*controlv1.Event) {
	for _, e := range events {
		_ = printJSON(j.w, map[string]eventView{"event": viewEvent(e)}) // the result, written last, reports a closed pipe
	}
	// The last line of the output is the result, and says how the job ended.
	if line := progressText(s); line != j.last && !terminal(s) {
		j.last = line
		v := viewJob(s)
		v.Spec = nil // it never changes, and comes with the result
		_ = printJSON(j.w, map[string]jobView{"status": v})
	}
}

func (*jsonProgress) end() {}

// lineProgress writes a line when the phase changes, and now and then in between: it is for logs.
type lineProgress struct {
	w     io.Writer
	every time.Duration // at most one line in this time within a phase
	now   func() time.Time

	phase  controlv1.JobStatus_Phase
	begun  bool
	line   string
	spoken time.Time
}

func (l *lineProgress) see(s *controlv1.JobStatus, events []*controlv1.Event) {
	for _, e := range events {
		if noteworthy(e) {
			fmt.Fprintf(l.w, "%s\n", eventText(e))
		}
	}
	now := l.now()
	line := progressText(s)
	if l.begun && s.Phase == l.phase && (line == l.line || now.Sub(l.spoken) < l.every) || terminal(s) {
		return
	}
	if !l.begun {
		fmt.Fprintf(l.w, "job %s (%s)\n", s.Id, s.Name)
	}
	l.begun, l.phase, l.line, l.spoken = true, s.Phase, line, now
	fmt.Fprintln(l.w, line)
}

func (*lineProgress) end() {}

// progressText is how a job stands in one line.
func progressText(s *controlv1.JobStatus) string {
	parts := []string{phaseCell(s)}
	for _, st := range s.Stages {
		if st.Tasks == 0 {
			continue // not planned yet
		}
		text := fmt.Sprintf("%s %d/%d", st.Name, st.Done, st.Tasks)
		if st.Bytes > 0 && st.Done < st.Tasks {
			text += fmt.Sprintf(" (%s of %s)", showSize(min(st.BytesDone, st.Bytes)), showSize(st.Bytes))
		}
		if f := fetching(st); f != "" {
			text += " (" + f + ")"
		}
		parts = append(parts, text)
	}
	if n := s.AttemptsFailed; n > 0 {
		parts = append(parts, count(n, "failed attempt"))
	}
	if n := s.AttemptsLost; n > 0 {
		parts = append(parts, count(n, "lost attempt"))
	}
	return strings.Join(parts, "  ")
}

// noteworthy picks the events that tell people of trouble; the others are for --json.
func noteworthy(e *controlv1.Event) bool {
	switch e.Kind {
	case "attempt-failed", "attempt-lost", "worker-lost", "job-blocked":
		return true
	}
	return false // that the job failed is said at the end
}

func eventText(e *controlv1.Event) string {
	text := e.Kind
	if e.Task != "" {
		text += fmt.Sprintf(" %s.%d", e.Task, e.Attempt)
	}
	if e.Worker != "" {
		text += " on " + e.Worker
	}
	if e.Text != "" {
		first, _, _ := strings.Cut(e.Text, "\n")
		text += ": " + first
	}
	return text
}
