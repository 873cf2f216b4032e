package sched

import (
	"fmt"
	"time"
)

// check counts everything anew, the slow and obvious way, and compares with what the scheduler keeps.
func check(s *Scheduler) error {
	usable, active, silent, hungry, yielding, ready := 0, 0, 0, 0, 0, 0
	for id, w := range s.workers {
		stopping, starving := 0, 0
		for at, a := range w.attempts {
			switch {
			case a.id != at || a.worker != w || w.live.items[a.inWorker-1] != a:
				return fmt.Errorf("%v is misplaced", a)
			case a.state == attemptStopping:
				stopping++
			case a.state != attemptRunning:
				return fmt.Errorf("%v is %v and still holds a slot", a, a.state)
			case a.job != nil && !a.current():
				return fmt.Errorf("%v runs for nobody", a)
			}
			if a.yields != nil {
				yielding++
			}
			if want := isHungry(a); a.isHungry != want || a.hunger.in != (want && w.state == workerActive) || a.moved.in != (!want && a.state == attemptRunning && a.job != nil && s.cfg.AttemptStall > 0) {
				return fmt.Errorf("%v: hungry %v, want %v; may yield %v, watched %v", a, a.isHungry, want, a.hunger.in, a.moved.in)
			}
			if a.isHungry {
				starving++
			}
			if a.hunger.in {
				hungry++
			}
			if a.moved.in {
				silent++
			}
		}
		if w.hungry != starving {
			return fmt.Errorf("%v: %d hungry, want %d", w, w.hungry, starving)
		}
		room := 0
		takes := 0 // attempts at once
		switch w.state {
		case workerActive:
			room, takes = max(0, w.slots-stopping), w.slots
		case workerProbing:
			room = min(1, max(0, w.slots-stopping))
			if w.probe == nil {
				takes = min(w.slots, len(w.attempts)+1)
			}
		}
		if barred := w.state == workerBarred; barred != (w.inBarred > 0) || barred != (w.probeDue != nil) {
			return fmt.Errorf("%v: state %v, but barred at %d with timer %v", w, w.state, w.inBarred, w.probeDue)
		}
		usable += room
		active += min(1, room)
		if w.id != id || w.state == workerGone || w.stopping != stopping || w.usable != room || w.live.len() != len(w.attempts) {
			return fmt.Errorf("%v: state %v, %d/%d stopping, %d/%d usable, %d/%d live", w, w.state, w.stopping, stopping, w.usable, room, w.live.len(), len(w.attempts))
		}
		if free := len(w.attempts) < takes; free != s.free.has(w) {
			return fmt.Errorf("%v: among the free %v, want %v", w, s.free.has(w), free)
		}
		for j, h := range w.holds {
			if h.job != j || h.worker != w || j.held.items[h.inJob-1] != h || w.held.items[h.inWorker-1] != h || s.jobs[j.id] != j {
				return fmt.Errorf("%v: what it holds of %v is misplaced", w, j)
			}
		}
	}
	if usable != s.usable || active != s.active {
		return fmt.Errorf("usable %d of %d workers, want %d of %d", s.usable, s.active, usable, active)
	}
	if n := length(&s.silent); s.cfg.AttemptStall > 0 && n != silent {
		return fmt.Errorf("%d attempts watched for progress, want %d", n, silent)
	}
	idle, raced := 0, 0
	for _, j := range s.jobs {
		if err := checkJob(s, j); err != nil {
			return fmt.Errorf("%v (%v): %w", j, j.state, err)
		}
		if j.moved.in {
			idle++
		}
		ready += j.ready()
		if j.raced {
			raced++
		}
		if want := j.state == jobRunning && !j.noBackup && j.counts[Map][taskRunning]+j.counts[Reduce][taskRunning] > 0; j.raced != want {
			return fmt.Errorf("%v: raced %v, want %v", j, j.raced, want)
		}
	}
	if raced != s.raced {
		return fmt.Errorf("%d jobs raced, want %d", s.raced, raced)
	}
	if n := length(&s.hungry); n != hungry || s.yielding != yielding || s.ready != ready {
		return fmt.Errorf("%d hungry, %d yielding, %d ready, want %d, %d, %d", n, s.yielding, s.ready, hungry, yielding, ready)
	}
	// What makes early starts free, and free of deadlock (see early.go).
	if ready > yielding && hungry > 0 {
		return fmt.Errorf("%d tasks are ready, %d slots are coming, and %d hungry reduces hold on to theirs", ready, yielding, hungry)
	}
	if len(s.stirred) > 0 {
		return fmt.Errorf("%d jobs are still to be fed", len(s.stirred))
	}
	if n := length(&s.idle); n != idle {
		return fmt.Errorf("%d idle jobs, want %d", n, idle)
	}
	return nil
}

func checkJob(s *Scheduler, j *job) error {
	var counts [2][len(taskNext)]int
	kept, backoff := 0, 0
	for p := range j.tasks {
		for i := range j.tasks[p] {
			t := &j.tasks[p][i]
			counts[p][t.state]++
			if t.kept {
				kept++
			}
			if t.retry != nil {
				backoff++
			}
			if err := checkTask(s, t); err != nil {
				return fmt.Errorf("%v %v: %w", t, t.state, err)
			}
		}
	}
	v, ok := s.View(j.id)
	count := func(p Phase) TaskCounts {
		n := TaskCounts{Total: len(j.tasks[p]), Done: counts[p][taskDone], Running: counts[p][taskRunning]}
		n.Waiting = n.Total - n.Done - n.Running
		return n
	}
	want := JobView{Map: count(Map), Reduce: count(Reduce), AttemptsFailed: j.attemptsFailed, AttemptsLost: j.attemptsLost, Kept: kept, Redone: j.redone}
	if !ok || v != want || counts != j.counts {
		return fmt.Errorf("view %+v, want %+v; counts %v, want %v", v, want, j.counts, counts)
	}
	hungry, untold := 0, 0
	for _, a := range j.live.items {
		if a.isHungry {
			hungry++
		}
		if a.untold {
			untold++
		}
	}
	if hungry != j.hungry || untold != j.untold || untold > 0 && j.state == jobRunning || (j.urgent || len(j.news) > 0) && j.state == jobRunning && j.complete(Map) {
		return fmt.Errorf("%d hungry, %d untold, want %d, %d; news %v, urgent %v", j.hungry, j.untold, hungry, untold, j.news, j.urgent)
	}
	running := counts[Map][taskRunning] + counts[Reduce][taskRunning]
	if idle := j.state == jobRunning && running == hungry; idle != j.moved.in {
		return fmt.Errorf("idle %v, want %v", j.moved.in, idle)
	}
	if j.state >= jobStopping && (running > 0 || j.timers.len() > 0) {
		return fmt.Errorf("%d tasks run and %d timers are set though it is over", running, j.timers.len())
	}
	if j.state < jobStopping && backoff != j.timers.len() {
		return fmt.Errorf("%d timers for %d tasks", j.timers.len(), backoff)
	}
	if _, ok := j.startable(); ok && !s.line.has(j) {
		return fmt.Errorf("has something to start and is not in line")
	}
	if j.mayStartEarly() && !s.early.has(j) {
		return fmt.Errorf("has reduces that may start early and is not in line for it")
	}
	for i, src := range j.sources {
		if o := j.tasks[Map][i].out; o.source() != src {
			return fmt.Errorf("reduces would be sent to %+v for map %d", src, i)
		}
	}
	if (j.state == jobAwaiting || j.state == jobStopping) != (j.pending != nil) {
		return fmt.Errorf("pending timer %v", j.pending != nil)
	}
	return nil
}

// isHungry says what early.go says.
func isHungry(a *attempt) bool {
	j := a.job
	if j == nil || a.task == nil || a.task.phase != Reduce || a.state != attemptRunning || j.state != jobRunning {
		return false
	}
	for i := range j.tasks[Map] {
		if j.tasks[Map][i].state != taskDone {
			return int(a.landed) < len(j.tasks[Map])
		}
	}
	return false
}

func checkTask(s *Scheduler, t *task) error {
	switch {
	case (t.state == taskRunning) != (t.current != nil):
		return fmt.Errorf("current attempt %v", t.current)
	case t.current != nil && (t.current.task != t || t.current.state != attemptRunning || s.workers[t.current.worker.id] != t.current.worker):
		return fmt.Errorf("%v is %v and current", t.current, t.current.state)
	case t.rival != nil && (t.current == nil || t.rival.task != t || t.rival.state != attemptRunning || t.rival.worker == t.current.worker):
		return fmt.Errorf("%v is the rival of %v", t.rival, t.current)
	case t.rival != nil && t.phase == Reduce && !t.job.complete(Map):
		return fmt.Errorf("%v runs while maps do", t.rival)
	case t.state == taskBackoff && t.retry == nil && !t.job.over():
		return fmt.Errorf("nothing will end the wait")
	case t.state != taskBackoff && t.retry != nil:
		return fmt.Errorf("a timer is set")
	case !t.job.shuffles(t) && t.out.worker != nil:
		return fmt.Errorf("a task of the last phase has an output that is shuffled")
	case t.state != taskDone && t.out.worker != nil && !t.job.over():
		return fmt.Errorf("has an output and is not done")
	case t.job.shuffles(t) && t.state == taskDone && t.out.worker == nil && !t.job.complete(Reduce) && !t.job.over():
		return fmt.Errorf("is done and has no output though reduces need it")
	}
	for _, o := range append([]output{t.out}, t.spare...) {
		if o.worker != nil && (o.worker != s.store && s.workers[o.worker.id] != o.worker || o.worker.holds[t.job] == nil) {
			return fmt.Errorf("attempt %d is held by %v, which is gone or does not know", o.attempt, o.worker)
		}
	}
	return nil
}

func length[T any](l *list[T]) int {
	n := 0
	var at time.Time
	for x := l.head; x != nil; x = x.next {
		if x.at.Before(at) {
			return -1
		}
		at = x.at
		n++
	}
	return n
}
