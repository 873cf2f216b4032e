package sched

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mrctl/mrctl/internal/errs"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the scripts in testdata expect")

// TestScripts runs the scripts in testdata. A script is a list of blocks: commands, a line "----", what they give, an
// empty line. Lines that begin with # are for the reader. What a block gives is what Step gave (notes are indented).
//
//	admit J maps=N reduces=N [backup=0] [tails=1] [uncut=1] [prio=N] [max=N] [gen=N] [first=N] [strict=1] [redone=N] [published=1] [await=W,W until=DUR] [stored=J/ATTEMPT:DD,...] [finished=TASK:A.DD/A.DD,TASK]
//	join W [slots=N] [running=J/ATTEMPT,...] [held=J/ATTEMPT:DD,...]
//	lose W REASON...   drain W
//	progress J/ATTEMPT [landed=N] [work=DONE/TOTAL]
//	done W J/ATTEMPT [work=N] [digest=DD] [stored=yes] [consumed=A.DD/A.DD]
//	fail|failforgood W J/ATTEMPT KIND TEXT...      lost W J/ATTEMPT TEXT...      missing W J/ATTEMPT ATTEMPT,ATTEMPT [at=W,W]
//	stopped W J/ATTEMPT      tail J/ATTEMPT: its tail, in as many tasks as Divide says
//	cancel J REASON...   cutdone J   committed J   ended J   commitfailed J gen=N lost=TASK,TASK [published=1]
//	tick DUR      lets time pass, step by step as NextWake says
//	show J        the tasks and counts of a job      workers      wake
//
// An attempt is m3#1 (or m3#1@2 for generation 2), a task r0, a digest two hex digits, a consumed list "attempt.digest"
// for each map. Time begins at 0. The config can be set in the first lines: config backoff=DUR max-losses=N ... Reduces
// start early, and slow attempts get backups, only where a script says so (config slow-start=0.5 backup-age=3s).
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runFile(t, file) })
	}
}

func runFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &script{cfg: Config{Seed: 1, SlowStart: 1, Backup: Backup{Off: true}}}
	var got strings.Builder
	expected := false // inside the expectation of a block
	var block []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case expected && line != "":
		case expected:
			expected = false
			got.WriteString("\n")
		case line == "----":
			got.WriteString("----\n" + r.run(t, block))
			block, expected = nil, true
		default:
			if line != "" && !strings.HasPrefix(line, "#") {
				block = append(block, line)
			}
			got.WriteString(line + "\n")
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got.String()); diff != "" {
		t.Errorf("%s (-want +got, -rewrite accepts it):\n%s", file, diff)
	}
}

type script struct {
	cfg Config
	s   *Scheduler
	now time.Duration
	out strings.Builder
}

var zero = time.Unix(0, 0).UTC()

func (r *script) run(t *testing.T, block []string) string {
	r.out.Reset()
	for _, line := range block {
		c := parse(t, line)
		if c.name == "config" {
			r.configure(c)
			continue
		}
		if r.s == nil {
			r.s = New(r.cfg)
			r.step(Tick{})
		}
		r.command(c)
		if err := check(r.s); err != nil {
			t.Errorf("after %q: %v", line, err)
		}
	}
	return r.out.String()
}

func (r *script) configure(c command) {
	for name, to := range map[string]*time.Duration{
		"backoff": &r.cfg.BackoffBase, "backoff-max": &r.cfg.BackoffMax, "stall": &r.cfg.StallAfter,
		"attempt-stall": &r.cfg.AttemptStall, "stop-grace": &r.cfg.StopGrace, "stray": &r.cfg.StrayAfter,
	} {
		if v := c.opt[name]; v != "" {
			*to = c.duration(v)
		}
	}
	if v := c.opt["backup-age"]; v != "" {
		r.cfg.Backup = Backup{MinAge: c.duration(v), PerJob: c.num("backups", 0)}
	}
	r.cfg.MaxLosses = c.num("max-losses", r.cfg.MaxLosses)
	r.cfg.Seed = uint64(c.num("seed", 1))
	if v := c.opt["slow-start"]; v != "" {
		share, err := strconv.ParseFloat(v, 64)
		c.must(err)
		r.cfg.SlowStart = share
	}
}

func (r *script) command(c command) {
	switch c.name {
	case "admit":
		r.step(c.admit())
	case "join":
		r.step(Join{Worker: WorkerID(c.arg(0)), Slots: c.num("slots", 1), Running: c.attempts(c.opt["running"]), Held: c.held(c.opt["held"])})
	case "lose":
		r.step(Lose{Worker: WorkerID(c.arg(0)), Reason: c.rest(1)})
	case "drain":
		r.step(Drain{Worker: WorkerID(c.arg(0))})
	case "progress":
		e := Progress{ID: c.attempt(c.arg(0)), Landed: c.num("landed", 0)}
		if v := c.opt["work"]; v != "" {
			_, err := fmt.Sscanf(v, "%d/%d", &e.Done, &e.Total)
			c.must(err)
		}
		r.step(e)
	case "done":
		e := Done{Worker: WorkerID(c.arg(0)), ID: c.attempt(c.arg(1)), Work: int64(c.num("work", 0)), Digest: c.digest(c.opt["digest"]), Stored: c.opt["stored"] != ""}
		if e.ID.Phase == Reduce {
			consumed := c.consumed(c.opt["consumed"])
			e.Consumed = &consumed
		}
		r.step(e)
	case "fail", "failforgood":
		r.step(Fail{Worker: WorkerID(c.arg(0)), ID: c.attempt(c.arg(1)), Kind: c.kind(c.arg(2)), Error: c.rest(3), Final: c.name == "failforgood"})
	case "lost":
		r.step(Fail{Worker: WorkerID(c.arg(0)), ID: c.attempt(c.arg(1)), Kind: errs.Unavailable, Error: c.rest(2), Lost: true})
	case "missing":
		e := Fail{Worker: WorkerID(c.arg(0)), ID: c.attempt(c.arg(1)), Kind: errs.Unavailable, Error: "no such run"}
		for _, m := range strings.Split(c.arg(2), ",") {
			e.Missing = append(e.Missing, c.attempt(string(e.ID.Job)+"/"+m))
		}
		for _, w := range c.list("at") {
			e.At = append(e.At, WorkerID(w))
		}
		r.step(e)
	case "tail":
		id := c.attempt(c.arg(0))
		if n := r.s.Divide(id); n > 0 {
			r.step(Tail{Job: id.Job, Of: id.Index, Attempt: id.Attempt, Tasks: n})
		} else {
			r.printf("it may not be cut\n")
		}
	case "stopped":
		r.step(Stopped{Worker: WorkerID(c.arg(0)), ID: c.attempt(c.arg(1))})
	case "cancel":
		r.step(Cancel{Job: JobID(c.arg(0)), Reason: c.rest(1)})
	case "cutdone":
		r.step(CutDone{Job: JobID(c.arg(0))})
	case "committed":
		r.step(Committed{Job: JobID(c.arg(0))})
	case "commitfailed":
		e := CommitFailed{Job: JobID(c.arg(0)), Gen: int32(c.num("gen", 0)), Published: c.num("published", 0) > 0}
		for _, id := range c.list("lost") {
			e.Lost = append(e.Lost, c.attempt(c.arg(0)+"/"+id).TaskID)
		}
		r.step(e)
	case "ended":
		r.step(Ended{Job: JobID(c.arg(0))})
	case "tick":
		r.tick(r.now + c.duration(c.arg(0)))
	case "show":
		r.show(JobID(c.arg(0)))
	case "workers":
		for _, w := range r.s.Workers() {
			r.printf("%s busy=%d/%d draining=%v done=%d failed=%d", w.ID, w.Busy, w.Slots, w.Draining, w.Done, w.Failed)
			if w.Probation {
				r.printf(" probation")
			}
			r.printf("\n")
		}
	case "wake":
		if at := r.s.NextWake(); at.IsZero() {
			r.printf("never\n")
		} else {
			r.printf("at %v\n", at.Sub(zero))
		}
	default:
		c.t.Fatalf("%q: no such command", c.line)
	}
}

// tick lets time pass. Nothing but a time that NextWake names may matter, which the last, late Tick shows.
func (r *script) tick(until time.Duration) {
	for {
		wake := r.s.NextWake()
		if wake.IsZero() || wake.Sub(zero) > until {
			break
		}
		r.now = max(r.now, wake.Sub(zero))
		r.printf("[%v]\n", r.now)
		r.step(Tick{})
	}
	r.now = until
	r.step(Tick{})
}

func (r *script) printf(format string, args ...any) { fmt.Fprintf(&r.out, format, args...) }

func (r *script) step(e Event) {
	for _, effect := range r.s.Step(zero.Add(r.now), e) {
		r.printf("%s\n", describe(effect))
	}
}

func (r *script) show(id JobID) {
	j := r.s.jobs[id]
	v, ok := r.s.View(id)
	if !ok {
		r.printf("%s is unknown\n", id)
		return
	}
	r.printf("%s %v gen=%d map=%+v reduce=%+v failed=%d lost=%d kept=%d\n", id, j.state, j.gen, v.Map, v.Reduce, v.AttemptsFailed, v.AttemptsLost, v.Kept)
	for p := range j.tasks {
		for i := range j.tasks[p] {
			t := &j.tasks[p][i]
			r.printf("  %s %v", short(t.id()), t.state)
			if t.current != nil {
				r.printf(" %s on %s", shortAttempt(t.current.id), t.current.worker.id)
				if t.current.isHungry {
					r.printf(" hungry")
				}
			}
			if t.rival != nil {
				r.printf(" rival %s on %s", shortAttempt(t.rival.id), t.rival.worker.id)
			}
			if t.out.worker != nil {
				r.printf(" #%d held by %s", t.out.attempt, t.out.worker.id)
			}
			for _, o := range t.spare {
				r.printf(", spare #%d by %s", o.attempt, o.worker.id)
			}
			r.printf("\n")
		}
	}
}

func short(id TaskID) string { return fmt.Sprintf("%c%d", id.Phase.String()[0], id.Index) }

func shortAttempt(id AttemptID) string {
	s := fmt.Sprintf("%s#%d", short(id.TaskID), id.Attempt)
	if id.Gen != 0 {
		s += fmt.Sprintf("@%d", id.Gen)
	}
	return s
}

// shortSource is m0#1@w, or -m0 where there is none.
func shortSource(task int32, src Source) string {
	if src.Worker == "" {
		return fmt.Sprintf(" -m%d", task)
	}
	return fmt.Sprintf(" m%d#%d@%s", task, src.Attempt, src.Worker)
}

func describe(e Effect) string {
	switch e := e.(type) {
	case Start:
		s := fmt.Sprintf("start %s %s/%s", e.Worker, e.ID.Job, shortAttempt(e.ID))
		for i, src := range e.Sources {
			s += shortSource(int32(i), src)
		}
		return s
	case Feed:
		s := fmt.Sprintf("feed %s %s/%s", e.Worker, e.ID.Job, shortAttempt(e.ID))
		for _, src := range e.Sources {
			s += shortSource(src.Map, src.Source)
		}
		return s
	case Stop:
		return fmt.Sprintf("stop %s %s/%s: %s", e.Worker, e.ID.Job, shortAttempt(e.ID), e.Reason)
	case Yield:
		return fmt.Sprintf("yield %s %s/%s", e.Worker, e.ID.Job, shortAttempt(e.ID))
	case Cut:
		return fmt.Sprintf("CUT %s", e.Job)
	case Commit:
		return fmt.Sprintf("COMMIT %s", e.Job)
	case Redo:
		s := "REDO " + string(e.Job)
		for _, id := range e.Tasks {
			s += " " + short(id)
		}
		return s
	case End:
		s := fmt.Sprintf("END %s canceled=%v kind=%v", e.Job, e.Canceled, e.Kind)
		if e.Cause != nil {
			s += " cause=" + shortAttempt(*e.Cause)
		}
		return s + ": " + e.Reason
	case Release:
		return fmt.Sprintf("RELEASE %s", e.Job)
	case Note:
		s := fmt.Sprintf("    %s %s", e.Job, e.Kind)
		if e.Task != nil {
			s += fmt.Sprintf(" %s#%d", short(*e.Task), e.Attempt)
		}
		if e.Worker != "" {
			s += fmt.Sprintf(" %s", e.Worker)
		}
		return s + ": " + e.Text
	}
	return fmt.Sprintf("%T?", e)
}
