package sched

import (
	"testing"
)

// TestOnlyWhatIsNeededRunsAgain: when a worker is lost, those maps run again whose runs were there alone and are still
// needed, and each of them once. Counted are attempts.
func TestOnlyWhatIsNeededRunsAgain(t *testing.T) {
	const maps = 9
	s := New(Config{Seed: 1, SlowStart: 1})
	began := map[TaskID]int{}
	at := map[TaskID]WorkerID{}
	var running []Start
	step := func(e Event) {
		t.Helper()
		for _, effect := range s.Step(zero, e) {
			if o, ok := effect.(Start); ok {
				began[o.ID.TaskID]++
				at[o.ID.TaskID] = o.Worker
				running = append(running, o)
			}
		}
		if err := check(s); err != nil {
			t.Fatal(err)
		}
	}
	// finish ends what runs well, and what that sets going, but for reduces of a job.
	finish := func(but JobID) {
		t.Helper()
		for len(running) > 0 {
			o := running[0]
			running = running[1:]
			e := Done{ID: o.ID, Worker: o.Worker, Digest: Digest{byte(o.ID.Index)}, Stored: o.ID.Job == "stored"}
			if o.ID.Phase == Reduce {
				if o.ID.Job == but {
					continue
				}
				e.Consumed = &Consumed{}
				for _, src := range o.Sources {
					e.Consumed.Attempts = append(e.Consumed.Attempts, src.Attempt)
					e.Consumed.Digests = append(e.Consumed.Digests, src.Digest)
				}
			}
			step(e)
		}
	}
	for _, w := range []WorkerID{"w1", "w2", "w3"} {
		step(Join{Worker: w, Slots: 3})
	}
	// One job has read its runs to the end, one has them in the store as well, one has still to read them.
	for _, j := range []JobID{"read", "stored", "unread"} {
		step(Admit{Job: j, Maps: maps, Reduces: 1})
		but := j
		if j == "read" {
			but = ""
		}
		finish(but)
	}
	want := map[TaskID]int{}
	for id, n := range began {
		if n != 1 {
			t.Fatalf("%v was begun %d times before anything was lost", id, n)
		}
		want[id] = 1
		if id.Phase == Map && id.Job == "unread" && at[id] == "w1" {
			want[id]++
		}
		if id.Phase == Reduce && id.Job != "read" && at[id] == "w1" {
			want[id]++ // it ran there
		}
	}
	step(Lose{Worker: "w1", Reason: "killed"})
	finish("")
	again := 0
	for id, n := range began {
		if n != want[id] {
			t.Errorf("%v: %d attempts, want %d", id, n, want[id])
		}
		if id.Phase == Map {
			again += n - 1
		}
	}
	if again == 0 || again == maps {
		t.Errorf("%d of %d maps ran again: that shows nothing", again, maps)
	}
}
