package sched

import (
	"testing"
	"time"
)

func TestOutput(t *testing.T) {
	s := New(Config{})
	m0 := TaskID{Job: "j", Phase: Map, Index: 0}
	s.Step(zero, Join{Worker: "w1", Slots: 1})
	s.Step(zero, Admit{Job: "j", Maps: 1, Reduces: 1})
	if src, ok := s.Output(m0); ok {
		t.Errorf("output %+v before the map is done", src)
	}
	s.Step(zero, Done{ID: AttemptID{TaskID: m0}, Worker: "w1", Digest: Digest{7}})
	want := Source{Worker: "w1", Attempt: 0, Digest: Digest{7}}
	if src, ok := s.Output(m0); !ok || src != want {
		t.Errorf("output %+v, %v, want %+v", src, ok, want)
	}
	for _, id := range []TaskID{{Job: "other"}, {Job: "j", Index: 1}, {Job: "j", Index: -1}, {Job: "j", Stage: 1}, {Job: "j", Phase: 9}} {
		if _, ok := s.Output(id); ok {
			t.Errorf("%+v has an output", id)
		}
	}
}

// A clock that goes back does not take the scheduler with it.
func TestTimeNeverGoesBack(t *testing.T) {
	s := New(Config{StallAfter: time.Minute})
	s.Step(zero.Add(time.Hour), Admit{Job: "j", Maps: 1})
	s.Step(zero, Tick{})
	if want := zero.Add(time.Hour + time.Minute); !s.NextWake().Equal(want) {
		t.Errorf("next wake at %v, want %v", s.NextWake(), want)
	}
}

// The same events give the same effects, whatever order Go's maps have today.
func TestDeterministic(t *testing.T) {
	log := func() string {
		r := &script{cfg: Config{Seed: 5, BackoffBase: time.Second}}
		r.s = New(r.cfg)
		for _, line := range []string{
			"join w1 slots=3", "join w2 slots=3", "admit a maps=4 reduces=2", "admit b maps=5 reduces=1 await=w7,w8,w9 until=1s",
			"fail w1 a/m0#0 user-code boom", "done w2 a/m1#0 digest=aa", "tick 2s", "done w1 a/m2#0", "join w3 slots=4 held=b/m0#0:aa,b/m1#0:bb",
			"lose w1 gone", "tick 3s", "lose w3 gone", "tick 5s", "join w4 slots=9", "cancel a enough", "tick 1m",
		} {
			r.command(parse(t, line))
		}
		return r.out.String()
	}
	first := log()
	for range 20 {
		if again := log(); again != first {
			t.Fatalf("two runs differ:\n%s\n%s", first, again)
		}
	}
}
