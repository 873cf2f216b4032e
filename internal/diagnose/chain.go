package diagnose

import (
	"fmt"
	"strings"

	"github.com/mrctl/mrctl/internal/ledger"
)

// mostEvidence is how many lines of one kind are shown, mostLine how many bytes of each.
const (
	mostEvidence = 5
	mostLine     = 1500
)

// first finds what began the trouble. A job fails for a task that has used up its chances: the end names the last of
// them, and the cause is the first. Of one that goes on, attempts that ended badly say what it struggles with.
func first(f Facts) *Finding {
	if f.Job.Phase == ledger.Done || f.Job.Phase == ledger.Cancelled {
		return nil
	}
	chain := bad(f)
	if f.Job.Phase == ledger.Failed {
		return failed(f, chain)
	}
	for _, e := range chain {
		if s := sign(e.Text); s != nil {
			x := s.finding(f, e.Text, chain)
			x.Cause = "so far, " + x.Cause
			return x
		}
	}
	if len(chain) > 0 {
		return &Finding{ID: "attempts-end-badly", Cause: "attempts end badly, and their tasks are tried again", Evidence: lines(chain), Action: logsOf(f, chain)}
	}
	return nil
}

func failed(f Facts, chain []ledger.Event) *Finding {
	// What the record says at the end counts before single attempts, where it is about all of them.
	if s := sign(f.Job.Error); s != nil && s.whole {
		return s.finding(f, f.Job.Error, chain)
	}
	for _, e := range chain {
		if s := sign(e.Text); s != nil {
			return s.finding(f, e.Text, chain)
		}
	}
	if s := sign(f.Job.Error); s != nil {
		return s.finding(f, f.Job.Error, chain)
	}
	return &Finding{ID: "failed", Cause: clip(f.Job.Error), Evidence: lines(chain), Action: logsOf(f, chain)}
}

// bad are the events that led to the end, oldest first: those of the task the job failed for, of the kind it failed for.
// What was only lost does not count where failures were counted.
func bad(f Facts) (chain []ledger.Event) {
	task, _, _ := strings.Cut(f.Job.Cause, ".")
	counted := strings.Contains(f.Job.Error, " allowed; last on worker") || strings.Contains(f.Job.Error, "cannot succeed")
	for _, e := range f.Events {
		switch {
		case task != "" && e.Task != task:
		case e.Kind == "attempt-failed", e.Kind == "attempt-lost" && !counted:
			chain = append(chain, e)
		}
	}
	return chain
}

func lossesOf(f Facts) []string {
	var lost []ledger.Event
	for _, e := range f.Events {
		if e.Kind == "attempt-lost" {
			lost = append(lost, e)
		}
	}
	return lines(lost)
}

func evidenceOf(f Facts, kind string) []string {
	var some []ledger.Event
	for _, e := range f.Events {
		if e.Kind == kind {
			some = append(some, e)
		}
	}
	return lines(some)
}

// lines are the first events and the last one.
func lines(events []ledger.Event) (list []string) {
	for i, e := range events {
		if i < mostEvidence-1 || i == len(events)-1 {
			text := line(e)
			if i > 0 { // the first says it at length
				text, _, _ = strings.Cut(text, "\n")
			}
			list = append(list, text)
		} else if i == mostEvidence-1 {
			list = append(list, fmt.Sprintf("(%d more)", len(events)-mostEvidence))
		}
	}
	return list
}

func line(e ledger.Event) string {
	s := e.Time.UTC().Format("15:04:05.000") + " " + e.Kind
	if e.Task != "" {
		s += fmt.Sprintf(" %s.%d", e.Task, e.Attempt)
	}
	if e.Worker != "" {
		s += " on worker " + e.Worker
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return clip(s)
}

func clip(s string) string {
	s = strings.TrimRight(s, "\n")
	if len(s) > mostLine {
		return strings.ToValidUTF8(s[:mostLine], "") + " ..."
	}
	return s
}

// logsOf says where more stands.
func logsOf(f Facts, chain []ledger.Event) string {
	s := "read what the attempts wrote: mrctl logs " + f.Job.ID
	if len(chain) > 0 && chain[0].Task != "" {
		s += fmt.Sprintf(" %s.%d", chain[0].Task, chain[0].Attempt)
	}
	store := ""
	if f.Store != "" {
		store = " --store " + f.Store
	}
	s += store
	if len(chain) > 0 && chain[0].Task != "" {
		s += fmt.Sprintf("; run it again: mrctl replay %s %s%s", f.Job.ID, chain[0].Task, store)
	}
	return s
}
