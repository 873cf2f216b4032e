package diagnose_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/diagnose"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func event(kind, task, text string) ledger.Event {
	return ledger.Event{Time: now, Kind: kind, Task: task, Worker: "w", Text: text}
}

// live are the facts of a job that runs on a cluster where all is well.
func live(events ...ledger.Event) diagnose.Facts {
	return diagnose.Facts{Store: "s3://c/x", Job: ledger.Job{ID: "j", Phase: ledger.Running}, Events: events, Leader: "l", Now: now,
		Workers: []diagnose.Worker{{ID: "w", State: "ready", Beat: now}}}
}

// dead are those of a job that has failed for task map/0.
func dead(end string, events ...ledger.Event) diagnose.Facts {
	f := live(events...)
	f.Job.Phase, f.Job.Error, f.Job.Cause = ledger.Failed, end, "map/0.3"
	f.Leader, f.Workers = "", nil // an end needs neither
	return f
}

func with(f diagnose.Facts, change func(*diagnose.Facts)) diagnose.Facts {
	change(&f)
	return f
}

const counted = "map 0 failed 4 times, 4 allowed; last on worker w: "

func TestFirstCause(t *testing.T) {
	for name, c := range map[string]struct {
		facts diagnose.Facts
		want  string
	}{
		"nothing wrong":  {live(event("attempt-started", "map/0", "")), "running"},
		"done":           {with(live(), func(f *diagnose.Facts) { f.Job.Phase = ledger.Done }), "done"},
		"cancelled":      {with(live(), func(f *diagnose.Facts) { f.Job.Phase = ledger.Cancelled }), "cancelled"},
		"store away":     {diagnose.Facts{Store: "s3://c/x", Refuse: errs.New(errs.Unavailable, "no route")}, "store-unreachable"},
		"store refuses":  {diagnose.Facts{Store: "s3://c/x", Refuse: errs.New(errs.Invalid, "Access Denied")}, "store-refuses"},
		"no such job":    {diagnose.Facts{Store: "s3://c/x", Refuse: errs.New(errs.NotFound, "none")}, "no-such-job"},
		"no leader":      {with(live(), func(f *diagnose.Facts) { f.Leader, f.Workers, f.Silent = "", nil, errors.New("none") }), "no-leader"},
		"leader crashed": {with(live(), func(f *diagnose.Facts) { f.Workers, f.Silent = nil, errors.New("refused") }), "leader-silent"},
		"no workers":     {with(live(), func(f *diagnose.Facts) { f.Workers = nil }), "no-workers"},
		"workers lost": {with(live(event("attempt-lost", "map/0", "not counted: worker lost: no heartbeat for 5s")),
			func(f *diagnose.Facts) { f.Workers = nil }), "workers-lost"},
		"workers drain": {with(live(), func(f *diagnose.Facts) { f.Workers[0].State = "draining" }), "workers-drain"},
		"queued":        {with(live(), func(f *diagnose.Facts) { f.Job.Phase = ledger.Queued }), "queued"},
		"blocked": {with(live(), func(f *diagnose.Facts) {
			f.Job.Phase, f.Blocked = ledger.Committing, "cannot publish its output: put part-00000.tsv: permission denied"
		}), "output-not-writable"},
		"blocked by who knows": {with(live(), func(f *diagnose.Facts) { f.Blocked = "cannot begin: odd" }), "blocked"},
		"run killed":           {with(live(), func(f *diagnose.Facts) { f.Store, f.Leader, f.Workers, f.Ended = "", "", nil, true }), "run-ended"},
		"a run goes on":        {with(live(), func(f *diagnose.Facts) { f.Store, f.Leader, f.Workers = "", "", nil }), "running"},

		"the first failure, not the last": {dead(counted+"no progress for 1s",
			event("attempt-failed", "map/0", "failure 1 of 4, other: write run: no space left on device"),
			event("attempt-failed", "map/0", "failure 4 of 4, user-code: no progress for 1s")), "disk-full"},
		"not another task's failure": {dead(counted+"x at byte 5: panic: oh",
			event("attempt-failed", "map/7", "failure 1 of 4, other: write run: no space left on device"),
			event("attempt-failed", "map/0", "failure 1 of 4, user-code: map x at byte 5: panic: oh")), "user-panic"},
		"a loss does not count where failures did": {dead(counted+"told to fail",
			event("attempt-lost", "map/0", "not counted: worker lost: it left"),
			event("attempt-failed", "map/0", "failure 1 of 4, user-code: map x at byte 5: told to fail")), "user-error"},
		"workers killed in turn": {dead("map 0 was lost with 8 workers in a row, so it is taken to kill them; the last was w: no heartbeat",
			event("attempt-lost", "map/0", "not counted: worker lost: no heartbeat")), "worker-killed"},
		"corrupt runs": {dead("reduce 0 could not be run 32 times in a row; last on worker w: x",
			event("attempt-lost", "map/0", "not counted: 1 run could not be had: run of map task 1: checksum of block 3 is wrong")), "run-corrupt"},
		"a store with 503": {dead("map 0 could not be run 32 times in a row; last on worker w: x",
			event("attempt-lost", "map/0", "not counted: open s3://in/a: 503 SlowDown")), "store-unavailable"},
		"not deterministic": {dead("the map function is not deterministic: run again after runs were lost, it gave something else",
			event("attempt-lost", "map/0", "not counted: worker lost: it left")), "not-deterministic"},
		"leader broke down": {dead("quarantined: 2 leaders broke down over this job; the first said: index out of range"), "quarantined"},
		"struggling":        {live(event("attempt-failed", "reduce/3", "failure 1 of 4, corrupt: checksum")), "run-corrupt"},
		"known to nobody": {dead("something new",
			event("attempt-failed", "map/0", "failure 1 of 4, other: what is this")), "failed"},
		"killed by the kernel": {dead(counted,
			event("attempt-failed", "map/0", "plugin: the process died: it was killed (signal 9), as the kernel does when memory runs out")), "plugin-out-of-memory"},
		"a damaged table": {dead(counted, event("attempt-failed", "map/0",
			"failure 1 of 4, corrupt: input s3://b/x.parquet: it is damaged, or of another format than its name says: invalid checksum")), "input-damaged"},
		"a damaged seek table": {dead("input s3://b/x.zst: its seek table of 6 frames is damaged"), "input-damaged"},
		"input denied":         {dead("input /data: open /data/x: permission denied"), "permission-denied"},
	} {
		t.Run(name, func(t *testing.T) {
			found := diagnose.Examine(c.facts)
			if len(found) == 0 || found[0].ID != c.want {
				t.Fatalf("found %+v, want %s", found, c.want)
			}
			if x := found[0]; x.Cause == "" || x.Action == "" {
				t.Errorf("it says too little: %+v", x)
			}
		})
	}
}

// Evidence is bounded, whatever a history holds.
func TestEvidenceIsBounded(t *testing.T) {
	var events []ledger.Event
	for range 1000 {
		events = append(events, event("attempt-failed", "map/0", "failure, user-code: x: panic: "+strings.Repeat("long ", 1<<12)))
	}
	x := diagnose.Examine(dead(counted, events...))[0]
	size := 0
	for _, e := range x.Evidence {
		size += len(e)
	}
	if x.ID != "user-panic" || len(x.Evidence) > 6 || size > 10<<10 {
		t.Errorf("%s with %d lines, %d bytes", x.ID, len(x.Evidence), size)
	}
}
