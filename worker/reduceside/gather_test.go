package reduceside

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// early is an attempt that runs while its sources become known.
type early struct {
	*sections
	task  Task
	part  *part
	want  []row
	ended chan error
	res   Result
}

// begin starts an attempt over so many maps of which nothing is known yet. Runs of a worker named in hung never come.
func begin(t *testing.T, ctx context.Context, maps, fanIn int, hung ...string) *early {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(maps), 1))
	in := random(r, 50*maps, 700)
	e := &early{sections: land(t, r, maps, 3, 1, in), part: &part{}, want: sums(in), ended: make(chan error, 1)}
	for i := range e.got {
		e.got[i].Local = false
	}
	e.task = task(t, 0, 3, 1, 4<<20, stage(pluginv1.Stage_FOLD_SUM, false))
	e.task.Sources, e.task.FanIn = NewSources(maps), fanIn
	d, _ := deps(t, hanging{e.sections, hung}, e.part)
	go func() {
		var err error
		e.res, err = Run(ctx, e.task, d)
		e.ended <- err
	}()
	synctest.Wait()
	return e
}

// hanging is a Fetcher that brings nothing from some workers until it is told to stop.
type hanging struct {
	*sections
	hung []string
}

func (h hanging) Fetch(ctx context.Context, req shuffle.Request) (shuffle.Fetched, error) {
	healthy := slices.DeleteFunc(slices.Clone(req.Sources), func(s *sessionv1.Source) bool { return slices.Contains(h.hung, s.Worker) })
	rest := req
	rest.Sources = healthy
	got, err := h.sections.Fetch(ctx, rest)
	if len(healthy) < len(req.Sources) {
		<-ctx.Done()
		return shuffle.Fetched{}, context.Cause(ctx)
	}
	return got, err
}

func (e *early) tell(t *testing.T, sources []*sessionv1.Source, gone ...uint32) {
	t.Helper()
	add(t, e.task.Sources, sources, gone...)
	synctest.Wait()
}

// good checks that the attempt ends well, now.
func (e *early) good(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-e.ended:
		if err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("it goes on, with %d runs landed", e.task.Sources.Landed())
	}
	if slices.SortFunc(e.part.rows, byRow); !slices.Equal(e.part.rows, e.want) || !e.part.staged {
		t.Fatalf("%d rows, want %d, or others", len(e.part.rows), len(e.want))
	}
	if n := len(e.res.Inputs); n != len(e.got) || int(e.done.Load()) < n || e.task.Budget.Used() != 0 {
		t.Fatalf("%d inputs of %d, %d sections done with, %d bytes held", n, len(e.got), e.done.Load(), e.task.Budget.Used())
	}
}

func (e *early) bad(t *testing.T) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-e.ended:
		if err == nil || e.part.staged || e.part.aborted || e.task.Budget.Used() != 0 {
			t.Fatalf("%v; part %+v; %d bytes held", err, e.part, e.task.Budget.Used())
		}
		return err
	default:
		t.Fatal("it goes on")
	}
	return nil
}

func tasks(from, to uint32) (list []uint32) {
	for ; from < to; from++ {
		list = append(list, from)
	}
	return list
}

// TestWaitsForSources: what is told is fetched at once, what is not is waited for, and nothing is staged before.
func TestWaitsForSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := begin(t, t.Context(), 9, 0)
		for n := range uint32(9) {
			if got := e.task.Sources.Landed(); got != int(n) || len(e.ended) > 0 || len(e.part.rows) > 0 {
				t.Fatalf("%d runs have landed of %d told", got, n)
			}
			e.tell(t, at([]string{"a", "b"}[n%2], n, n))
		}
		e.good(t)
		if in := e.res.Inputs[5]; in.Attempt != 5 || string(in.Output) != "digest 5" {
			t.Errorf("%+v", in)
		}
	})
}

// TestMergesAhead: of many more runs than one merge may read, those that are there are merged while the rest is waited for.
func TestMergesAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maps, fanIn = 100, 8
		e := begin(t, t.Context(), maps, fanIn)
		passes := func() int {
			found, err := filepath.Glob(filepath.Join(e.task.Scratch, "pass-*"))
			if err != nil {
				t.Fatal(err)
			}
			return len(found)
		}
		e.tell(t, at("a", 0, tasks(0, fanIn-1)...))
		if n := passes(); n != 0 {
			t.Errorf("%d passes over %d runs", n, fanIn-1)
		}
		for n := uint32(fanIn - 1); n < maps-1; n++ {
			e.tell(t, at("a", 0, n))
			if left := int(n) + 1 - int(e.done.Load()) + passes(); left > 2*fanIn {
				t.Fatalf("%d runs are left of %d", left, n+1)
			}
		}
		if left := maps - int(e.done.Load()) + passes(); passes() == 0 || left > fanIn {
			t.Errorf("%d passes, %d runs are left for the last merge", passes(), left)
		}
		e.tell(t, at("a", 0, maps-1))
		e.good(t)
	})
}

// TestWorkerThatHangs: a fetch that comes to nothing is given up when the leader knows that the worker is gone, and what
// it was to bring comes from elsewhere.
func TestWorkerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := begin(t, t.Context(), 6, 0, "dead")
		e.tell(t, append(at("dead", 0, 0, 1, 2), at("a", 0, 3)...))
		e.tell(t, at("a", 0, 4))
		e.tell(t, at("b", 1, 0)) // made again; dead is not known to be
		if n := e.task.Sources.Landed(); n != 3 {
			t.Fatalf("%d runs have landed", n)
		}
		e.tell(t, nil, 1, 2)
		e.tell(t, at("a", 0, 5))
		if n := e.task.Sources.Landed(); n != 4 {
			t.Fatalf("%d runs have landed", n)
		}
		e.tell(t, at("b", 1, 1, 2))
		e.good(t)
	})
}

// TestLastRunFromElsewhere: a fetch that hangs does not hold up an attempt that has all it needs.
func TestLastRunFromElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := begin(t, t.Context(), 2, 0, "dead")
		e.tell(t, append(at("a", 0, 0), at("dead", 0, 1)...))
		e.tell(t, at("b", 1, 1))
		e.good(t)
	})
}

func TestEndsWhileItWaits(t *testing.T) {
	stop := errors.New("stop")
	for name, c := range map[string]struct {
		end  func(*early, context.CancelCauseFunc)
		want func(error) bool
	}{
		"stopped": {func(_ *early, cancel context.CancelCauseFunc) { cancel(stop) }, func(err error) bool { return errors.Is(err, stop) }},
		"another output counts": {func(e *early, _ context.CancelCauseFunc) {
			other := at("b", 1, 3)
			other[0].Digests[0] = []byte("another")
			if err := e.task.Sources.Add(other, nil); err == nil {
				t.Error("no contradiction")
			}
		}, func(err error) bool {
			return errs.Is(err, errs.Unavailable) && strings.Contains(err.Error(), "map task 3 was fetched from attempt 0")
		}},
		"missing": {func(e *early, _ context.CancelCauseFunc) {
			e.err = &shuffle.MissingError{Runs: []shuffle.Missing{{Worker: "b", Task: 7, Why: "not held here"}}}
			if err := e.task.Sources.Add(at("b", 0, 6, 7), nil); err != nil {
				t.Error(err)
			}
		}, func(err error) bool {
			var m *shuffle.MissingError
			return errors.As(err, &m) && len(m.Runs) == 1 && m.Runs[0].Task == 7 && m.Runs[0].Why == "not held here"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				e := begin(t, ctx, 9, 3)
				e.tell(t, at("a", 0, tasks(0, 6)...))
				c.end(e, cancel)
				if err := e.bad(t); !c.want(err) {
					t.Error(err)
				}
				if _, err := os.Stat(e.task.Scratch); !errors.Is(err, os.ErrNotExist) {
					t.Error("scratch left behind")
				}
			})
		})
	}
}
