package diagnose

import (
	"fmt"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// unreadable: the store is what everything else rests on.
func unreadable(f Facts) *Finding {
	if f.Refuse == nil {
		return nil
	}
	x := &Finding{ID: "store-unreachable", Cause: "the cluster's store cannot be read", Evidence: []string{f.Refuse.Error()},
		Action: "mrctl doctor --store " + f.Store + " says what the store cannot do; no job goes on until it answers"}
	switch errs.KindOf(f.Refuse) {
	case errs.Unavailable, errs.Canceled:
	case errs.NotFound:
		x.ID, x.Cause, x.Action = "no-such-job", "there is no such job here", "mrctl jobs lists those there are"
	default:
		x.ID, x.Cause = "store-refuses", "the cluster's store refuses to be read"
		x.Action = "mrctl doctor --store " + f.Store + " says what it refuses: mend the credentials or the permissions"
	}
	return x
}

// abandoned: mrctl run has ended before its job.
func abandoned(f Facts) *Finding {
	if !f.Ended || f.Job.Phase.Ended() {
		return nil
	}
	return &Finding{ID: "run-ended", Cause: "the process of this run ended before the job did",
		Evidence: []string{fmt.Sprintf("its record says %s, and nobody holds its lock", f.Job.Phase)},
		Action:   "run it again; its output holds nothing of it. If memory ran out, dmesg says so: give it less with --memory"}
}

func cancelled(f Facts) *Finding {
	if f.Job.Phase != ledger.Cancelled {
		return nil
	}
	why := f.Job.Error
	if why == "" {
		why = f.Job.CancelReason
	}
	return &Finding{ID: "cancelled", Cause: "somebody cancelled it: " + why, Action: "nothing; submit it again if it is wanted after all"}
}

// leaderless: a lease that is free, or whose holder does not answer.
func leaderless(f Facts) *Finding {
	if f.Store == "" || f.Job.Phase.Ended() || f.Leader != "" && f.Silent == nil {
		return nil
	}
	start := "start a coordinator: mrctl serve coordinator --store " + f.Store
	if f.Leader == "" {
		return &Finding{ID: "no-leader", Cause: "no coordinator leads, so nobody moves the job",
			Evidence: []string{"the lease is free, or there has never been one"}, Action: start}
	}
	return &Finding{ID: "leader-silent", Cause: "the coordinator that leads by the lease does not answer: it has crashed, or cannot be reached from here",
		Evidence: []string{"leader " + f.Leader, f.Silent.Error()},
		Action:   "if it is gone another takes over when the lease has run out; where there is no other, " + start + ". What is finished is kept"}
}

// blocked: a step of the leader's that does not succeed.
func blocked(f Facts) *Finding {
	if f.Blocked == "" || f.Job.Phase.Ended() {
		return nil
	}
	x := &Finding{ID: "blocked", Cause: "the leader cannot go on with the job: " + f.Blocked, Evidence: evidenceOf(f, "job-blocked"),
		Action: "mend what it names; it is tried again until it succeeds, and nothing finished is lost"}
	if s := sign(f.Blocked); s != nil {
		x.ID = s.id
		x.Action = s.action + "; then it goes on by itself"
	}
	return x
}

func queued(f Facts) *Finding {
	if f.Job.Phase != ledger.Queued || f.Leader == "" || f.Silent != nil {
		return nil
	}
	return &Finding{ID: "queued", Cause: "the job lies in the inbox and has not been taken up yet",
		Evidence: []string{"leader " + f.Leader}, Action: "wait some seconds; if it stays so, the log of the leader says why"}
}

// workerless: nobody is there to work, or nobody who takes anything.
func workerless(f Facts) *Finding {
	if f.Store == "" || f.Job.Phase.Ended() || f.Job.Phase == ledger.Queued || f.Leader == "" || f.Silent != nil {
		return nil
	}
	states := map[string]int{}
	for _, w := range f.Workers {
		states[w.State]++
	}
	start := "start some: mrctl serve worker --store " + f.Store
	switch {
	case len(f.Workers) == 0:
		x := &Finding{ID: "no-workers", Cause: "no worker is registered, so no task can run", Evidence: lossesOf(f), Action: start}
		if len(x.Evidence) > 0 {
			x.ID, x.Cause = "workers-lost", "all workers are gone, so no task can run"
			x.Action = "look at the machines they ran on (their log, dmesg: was memory short?), then " + start
		}
		return x
	case states["ready"] > 0:
		return nil
	case states["draining"] == len(f.Workers):
		return &Finding{ID: "workers-drain", Cause: "all workers are about to end and take no more tasks", Evidence: workersOf(f), Action: start}
	}
	return nil // those on probation are tried again; what put them there is found by its sign
}

// worked: the job is done, whatever it took.
func worked(f Facts) *Finding {
	if f.Job.Phase != ledger.Done {
		return nil
	}
	x := &Finding{ID: "done", Cause: "nothing: the job is done", Evidence: f.Job.Warnings, Action: "nothing"}
	if n := f.Job.AttemptsFailed + f.Job.AttemptsLost; n > 0 {
		x.Evidence = append(x.Evidence, fmt.Sprintf("%d attempts failed and %d were lost on the way; their tasks ran again", f.Job.AttemptsFailed, f.Job.AttemptsLost))
	}
	return x
}

// fine is what is left when no rule finds anything.
func fine(f Facts) Finding {
	x := Finding{ID: "running", Cause: fmt.Sprintf("nothing is known to be wrong: the job is %s", f.Job.Phase), Evidence: workersOf(f),
		Action: "mrctl watch " + f.Job.ID + " follows it"}
	if n := len(f.Events); n > 0 {
		e := f.Events[n-1]
		x.Evidence = append(x.Evidence, fmt.Sprintf("the last that happened, %v ago: %s", f.Now.Sub(e.Time).Round(time.Second), line(e)))
	}
	return x
}

func workersOf(f Facts) (list []string) {
	for _, w := range f.Workers {
		list = append(list, fmt.Sprintf("worker %s is %s, last heard of %v ago", w.ID, w.State, f.Now.Sub(w.Beat).Round(time.Millisecond)))
	}
	return list[:min(len(list), mostEvidence)]
}
