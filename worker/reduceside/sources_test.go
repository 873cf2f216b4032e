package reduceside

import (
	"fmt"
	"slices"
	"testing"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// at says that outputs of some map tasks, of one attempt each, lie with a worker. Their digests tell the tasks apart and
// nothing else: all attempts of a task are equal.
func at(worker string, attempt uint32, tasks ...uint32) []*sessionv1.Source {
	src := &sessionv1.Source{Worker: worker, Addr: worker + ":1"}
	for _, task := range tasks {
		src.Tasks, src.Attempts = append(src.Tasks, task), append(src.Attempts, attempt)
		src.Digests = append(src.Digests, fmt.Appendf(nil, "digest %d", task))
	}
	return []*sessionv1.Source{src}
}

func add(t *testing.T, s *Sources, sources []*sessionv1.Source, gone ...uint32) {
	t.Helper()
	if err := s.Add(sources, gone); err != nil {
		t.Fatal(err)
	}
}

// asks is what would be fetched now: worker/task.attempt of each run.
func asks(list []*sessionv1.Source) (all []string) {
	for _, src := range list {
		for i, task := range src.Tasks {
			all = append(all, fmt.Sprintf("%s/%d.%d", src.Worker, task, src.Attempts[i]))
		}
	}
	return all
}

func wantAsked(t *testing.T, s *Sources, want ...string) []*sessionv1.Source {
	t.Helper()
	list := s.ask()
	if got := asks(list); !slices.Equal(got, want) {
		t.Fatalf("asked for %q, want %q", got, want)
	}
	return list
}

// TestSourcesAreAskedOnce: each run once, in one fetch from each worker at a time.
func TestSourcesAreAskedOnce(t *testing.T) {
	s := NewSources(4)
	wantAsked(t, s)
	add(t, s, append(at("a", 0, 0), at("b", 5, 2)...))
	first := wantAsked(t, s, "a/0.0", "b/2.5")
	add(t, s, append(at("a", 0, 0, 1), at("b", 5, 2)...)) // what is known may be said again
	wantAsked(t, s)                                       // a is still being read from
	if !s.land(first[0], 0) || s.land(first[0], 0) {
		t.Error("a run lands once")
	}
	second := wantAsked(t, s, "a/1.0")
	if s.moved(first) || s.moved(second) || s.Landed() != 1 {
		t.Error("nothing has moved")
	}
	s.land(first[1], 0)
	s.land(second[0], 0)
	if _, err := s.consumed(); !errs.Is(err, errs.Corrupt) {
		t.Errorf("without task 3: %v", err)
	}
	add(t, s, at("c", 9, 3))
	s.land(wantAsked(t, s, "c/3.9")[0], 0)
	in, err := s.consumed()
	if err != nil || len(in) != 4 || in[3].Task != 3 || in[3].Attempt != 9 || string(in[3].Output) != "digest 3" || s.Landed() != 4 {
		t.Errorf("%+v, %v", in, err)
	}
}

// TestSourcesMove: what lies elsewhere now is fetched from there, and what has landed stays.
func TestSourcesMove(t *testing.T) {
	s := NewSources(3)
	add(t, s, at("a", 0, 0, 1, 2))
	first := wantAsked(t, s, "a/0.0", "a/1.0", "a/2.0")
	s.land(first[0], 0)
	add(t, s, nil, 0, 1, 2) // a is gone
	if !s.moved(first) {
		t.Error("the fetch from a is of no use")
	}
	if s.Landed() != 1 {
		t.Error("what has landed is not lost")
	}
	if lost := s.missing(first, func(uint32) string { return "a is dead" }); len(lost) != 0 {
		t.Errorf("the leader knows of %+v", lost)
	}
	wantAsked(t, s)
	add(t, s, at("b", 1, 1, 0))
	second := wantAsked(t, s, "b/1.1")
	// The run from a comes after all: it is as good. The one from b is then one too many.
	if !s.land(first[0], 1) || s.land(second[0], 0) || s.Landed() != 2 {
		t.Error("the first to land counts")
	}
	add(t, s, at("b", 1, 2))
	third := wantAsked(t, s, "b/2.1")
	lost := s.missing(third, func(uint32) string { return "not held here" })
	if len(lost) != 1 || lost[0].Task != 2 || lost[0].Attempt != 1 || lost[0].Worker != "b" || lost[0].Why != "not held here" {
		t.Errorf("%+v", lost)
	}
	wantAsked(t, s) // the attempt ends for it, and asking again would report it twice
}

// TestSourcesContradict: another output of a task counts than the one that has landed.
func TestSourcesContradict(t *testing.T) {
	s := NewSources(2)
	add(t, s, at("a", 0, 0, 1))
	first := wantAsked(t, s, "a/0.0", "a/1.0")
	s.land(first[0], 0)
	other := at("b", 1, 1, 0)
	other[0].Digests[0] = []byte("another")
	add(t, s, []*sessionv1.Source{{Worker: "b", Tasks: other[0].Tasks[:1], Attempts: other[0].Attempts[:1], Digests: other[0].Digests[:1]}})
	if s.land(first[0], 1) {
		t.Error("task 1 has another output by now")
	}
	other[0].Digests[1] = []byte("another")
	if err := s.Add(other, nil); !errs.Is(err, errs.Unavailable) || s.err() != err {
		t.Errorf("%v", err)
	}
}

func TestSourcesOfNonsense(t *testing.T) {
	for what, src := range map[string]*sessionv1.Source{
		"no worker":    {Tasks: []uint32{0}, Attempts: []uint32{0}, Digests: [][]byte{nil}},
		"no attempts":  {Worker: "a", Tasks: []uint32{0}, Digests: [][]byte{nil}},
		"no digests":   {Worker: "a", Tasks: []uint32{0}, Attempts: []uint32{0}},
		"unknown task": {Worker: "a", Tasks: []uint32{2}, Attempts: []uint32{0}, Digests: [][]byte{nil}},
	} {
		if err := NewSources(2).Add([]*sessionv1.Source{src}, nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := NewSources(2).Add(nil, []uint32{2}); !errs.Is(err, errs.Invalid) {
		t.Errorf("an unknown task is gone: %v", err)
	}
}

// TestSourcesGrow: tails of maps are more maps; the reduce is whole when their runs have landed too. One that had all before it
// heard of them begins again.
func TestSourcesGrow(t *testing.T) {
	s := NewSources(2)
	add(t, s, at("a", 0, 0))
	list := wantAsked(t, s, "a/0.0")
	if !s.land(list[0], 0) {
		t.Fatal("it did not land")
	}
	if err := s.Grow(3); err != nil {
		t.Fatal(err)
	}
	add(t, s, at("b", 0, 1, 2))
	list = wantAsked(t, s, "b/1.0", "b/2.0")
	if !s.land(list[0], 0) || s.Whole() || !s.land(list[0], 1) || !s.Whole() {
		t.Error("it is whole with all three, and no earlier")
	}
	if err := s.Grow(2); err != nil {
		t.Error(err)
	}
	if err := s.Grow(4); !errs.Is(err, errs.Unavailable) || s.err() == nil {
		t.Errorf("more maps, when all were there: %v", err)
	}
}
