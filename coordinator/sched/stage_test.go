package sched

import (
	"slices"
	"testing"
)

// A job's stages are admitted one after the other. What workers say late of a stage that is over changes nothing in the
// next one, though its attempts have the same numbers.
func TestStagesAreKeptApart(t *testing.T) {
	s := New(Config{Seed: 1})
	step := func(e Event) (effects []Effect) {
		t.Helper()
		effects = slices.Clone(s.Step(zero, e))
		if err := check(s); err != nil {
			t.Fatal(err)
		}
		return effects
	}
	started := func(effects []Effect) (ids []AttemptID) {
		for _, e := range effects {
			if o, ok := e.(Start); ok {
				ids = append(ids, o.ID)
			}
		}
		return ids
	}
	of := func(stage int32, p Phase) AttemptID {
		return AttemptID{TaskID: TaskID{Job: "j", Stage: stage, Phase: p}}
	}
	done := func(stage int32, p Phase) Done {
		d := Done{ID: of(stage, p), Worker: "w1", Digest: Digest{byte(stage)}}
		if p == Reduce {
			d.Consumed = &Consumed{Attempts: []int32{0}, Digests: []Digest{{byte(stage)}}}
		}
		return d
	}
	step(Join{Worker: "w1", Slots: 1})
	for stage := range int32(3) {
		if got := started(step(Admit{Job: "j", Stage: stage, Maps: 1, Reduces: 1})); !slices.Equal(got, []AttemptID{of(stage, Map)}) {
			t.Fatalf("stage %d: started %+v", stage, got)
		}
		if stage > 0 { // the last one's news again
			for _, late := range []Event{done(stage-1, Map), done(stage-1, Reduce), Progress{ID: of(stage-1, Map), Done: 1},
				Fail{ID: of(stage-1, Map), Worker: "w1", Error: "late"}} {
				step(late)
			}
			if v, _ := s.View("j"); v.Map.Running != 1 || v.Map.Done+v.Reduce.Done+v.AttemptsFailed+v.AttemptsLost != 0 {
				t.Fatalf("stage %d: %+v after late news", stage, v)
			}
		}
		if got := started(step(done(stage, Map))); !slices.Equal(got, []AttemptID{of(stage, Reduce)}) {
			t.Fatalf("stage %d: started %+v after its map", stage, got)
		}
		if _, ok := s.Output(of(stage, Map).TaskID); !ok {
			t.Errorf("stage %d: its map has no output", stage)
		}
		if _, ok := s.Output(of(stage+1, Map).TaskID); ok {
			t.Errorf("stage %d: a map of the next has an output", stage)
		}
		if got := step(done(stage, Reduce)); !slices.Contains(got, Effect(Commit{Job: "j"})) {
			t.Fatalf("stage %d: no commit in %+v", stage, got)
		}
		if got := step(Committed{Job: "j"}); !slices.Contains(got, Effect(Release{Job: "j"})) {
			t.Fatalf("stage %d: no release in %+v", stage, got)
		}
	}
}

// A new leader admits a job at the stage under way, and finished tasks of that stage alone count. A worker that comes
// with what it has of an earlier one is told to stop that.
func TestAdmitAtALaterStage(t *testing.T) {
	s := New(Config{Seed: 1})
	old := AttemptID{TaskID: TaskID{Job: "j", Stage: 0, Phase: Map, Index: 1}}
	s.Step(zero, Join{Worker: "w1", Slots: 1, Running: []AttemptID{old},
		Held: []MapOutput{{ID: AttemptID{TaskID: TaskID{Job: "j", Stage: 0, Phase: Map}}}}})
	consumed := Consumed{Attempts: []int32{0, 0}, Digests: make([]Digest, 2)}
	effects := slices.Clone(s.Step(zero, Admit{Job: "j", Stage: 1, Maps: 2, Reduces: 2, FirstAttempt: 1000, Finished: map[TaskID]Consumed{
		{Job: "j", Stage: 0, Phase: Reduce, Index: 0}: consumed,
		{Job: "j", Stage: 1, Phase: Reduce, Index: 1}: consumed,
	}}))
	if err := check(s); err != nil {
		t.Fatal(err)
	}
	if v, _ := s.View("j"); v.Map.Done != 0 || v.Reduce.Done != 1 || v.Kept != 1 {
		t.Errorf("%+v, want the one reduce of stage 1", v)
	}
	if !slices.ContainsFunc(effects, func(e Effect) bool { o, ok := e.(Stop); return ok && o.ID == old }) {
		t.Errorf("attempt %+v of stage 0 goes on: %+v", old, effects)
	}
	for _, e := range effects {
		if o, ok := e.(Start); ok && (o.ID.Stage != 1 || o.ID.Attempt < 1000) {
			t.Errorf("started %+v", o.ID)
		}
	}
}
