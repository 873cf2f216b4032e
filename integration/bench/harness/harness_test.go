package harness

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/measure"
)

// shell makes a side of a script; $OUT is where its result goes.
func shell(name, script string) Side {
	return Side{
		Name: name,
		Command: func(out string) measure.Command {
			return measure.Command{Argv: []string{"sh", "-c", script}, Env: []string{"OUT=" + out}}
		},
		Answer: answer.Lines,
	}
}

func options(t *testing.T) Options { return Options{Runs: 3, Scratch: t.TempDir(), Log: io.Discard} }

func TestRunsTakeTurns(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	o := options(t)
	c := Case{
		Row: 7, Name: "x", Bytes: 5, Inputs: []string{"harness.go"}, Must: 0.9, Aim: 0.8, Limit: time.Hour, Memory: 100 << 20,
		Sides: []Side{
			shell("ours", "echo A >>"+log+"; printf 'a\\nb\\n' >$OUT"),
			shell("theirs", "echo B >>"+log+"; printf 'b\\na\\n' >$OUT"),
			{Name: "duck", Missing: "not installed"},
			shell("other", "echo C >>"+log+"; printf 'a\\nb\\n' >$OUT"),
		},
	}
	r, err := Run(t.Context(), c, o)
	if err != nil || r.Error != "" {
		t.Fatal(err, r.Error)
	}
	order, _ := os.ReadFile(log)
	if got := strings.Join(strings.Fields(string(order)), ""); got != "ABCABCABCABC" { // once for the answers
		t.Errorf("ran in the order %s", got)
	}
	if len(r.Sides) != 3 || len(r.Ratios) != 2 || len(r.Sides[0].Rounds) != 3 || r.Sides[0].Seconds.Min <= 0 || r.Sides[0].Processes < 1 {
		t.Errorf("sides %+v", r.Sides)
	}
	if a, b := r.Ratios[0], r.Ratios[1]; a.Against != "theirs" || a.Must != 0.9 || a.Aim != 0.8 || b.Against != "other" || b.Must != 0 || a.Median <= 0 {
		t.Errorf("ratios %+v", r.Ratios)
	}
	if len(r.Skipped) != 1 || r.Skipped[0].Why != "not installed" {
		t.Errorf("skipped %+v", r.Skipped)
	}
	if r.LimitSeconds != 3600 || r.MemoryLimit < 130<<20+64<<20 {
		t.Errorf("limits %v s and %d bytes", r.LimitSeconds, r.MemoryLimit)
	}
	if left, _ := os.ReadDir(o.Scratch); len(left) > 0 {
		t.Errorf("left behind %v", left)
	}
}

func TestAProgramMayTakeItsOwnTime(t *testing.T) {
	slow, fast := shell("slow", "echo a >$OUT"), shell("fast", "echo a >$OUT")
	slow.Took = func(out string) (time.Duration, error) { _, err := os.Stat(out); return 3 * time.Hour, err }
	fast.Took = func(string) (time.Duration, error) { return time.Hour, nil }
	r, err := Run(t.Context(), Case{Name: "x", Sides: []Side{slow, fast}}, options(t))
	if err != nil || r.Error != "" || r.Ratios[0].Median != 3 || r.Sides[0].Seconds.Median != 10800 {
		t.Errorf("%+v, %v", r, err)
	}
	slow.Took = func(string) (time.Duration, error) { return 0, errors.New("it does not say") }
	if r, err := Run(t.Context(), Case{Name: "x", Sides: []Side{slow, fast}}, options(t)); err != nil || !strings.Contains(r.Error, "it does not say") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWrongAnswersAreNotTimed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	r, err := Run(t.Context(), Case{Name: "x", Diff: answer.Diff, Sides: []Side{
		shell("ours", "echo A >>"+log+"; echo a 1 >$OUT"), shell("theirs", "echo B >>"+log+"; echo a 2 >$OUT"),
	}}, options(t))
	if err != nil || !strings.Contains(r.Error, "the answers differ") || !strings.Contains(r.Error, `only ours: "a 1\n"`) || r.Ratios != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if order, _ := os.ReadFile(log); string(order) != "A\nB\n" {
		t.Errorf("ran %q", order)
	}
}

func TestTroubleIsTold(t *testing.T) {
	good := shell("good", "echo a >$OUT")
	for name, c := range map[string]struct {
		c    Case
		want string
	}{
		"fails":        {Case{Sides: []Side{shell("bad", "echo why >&2; exit 3"), good}}, "why"},
		"no answer":    {Case{Sides: []Side{good, shell("bad", "true")}}, "bad: its answer"},
		"no input":     {Case{Inputs: []string{"/nothing"}, Sides: []Side{good}}, "/nothing"},
		"fails later":  {Case{Sides: []Side{shell("once", "test ! -e $OUT.. ; mkdir $(dirname $OUT)/once && echo a >$OUT")}}, "once"},
		"not here":     {Case{Sides: []Side{{Name: "ours", Missing: "no"}, good}}, ""},
		"nobody there": {Case{Sides: []Side{good, {Name: "theirs", Missing: "no"}}}, ""},
	} {
		r, err := Run(t.Context(), c.c, options(t))
		if err != nil || !strings.Contains(r.Error, c.want) || (c.want == "") != (r.Error == "") {
			t.Errorf("%s: %q, %v, want %q", name, r.Error, err, c.want)
		}
		if c.want == "" && len(r.Skipped) != 1 {
			t.Errorf("%s: skipped %v", name, r.Skipped)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Case{Sides: []Side{good}}, options(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestNoisyRounds(t *testing.T) {
	for name, c := range map[string]struct {
		noise []float64 // of each round
		quiet float64
		want  []float64 // of the rounds that are kept
		noisy int
	}{
		"all quiet":     {[]float64{0.1, 0.1}, 0.15, []float64{0.1, 0.1}, 0},
		"one again":     {[]float64{0.1, 0.5, 0.0}, 0.15, []float64{0.1, 0.0}, 0},
		"never quiet":   {[]float64{0.9, 0.5, 0.8, 0.2, 0.7, 0.6}, 0.15, []float64{0.2, 0.5}, 2},
		"nobody minds":  {[]float64{0.9, 0.9}, 0, []float64{0.9, 0.9}, 0},
		"quiet at last": {[]float64{0.9, 0.5, 0.8, 0.2, 0.7, 0.1}, 0.15, []float64{0.1, 0.2}, 1},
	} {
		i := 0
		r := &run{
			Options: Options{Runs: 2, Quiet: c.quiet, Scratch: t.TempDir(), Log: io.Discard}, sides: []Side{shell("ours", "")},
			time: func(context.Context, measure.Command) (measure.Sample, error) {
				i++
				return measure.Sample{Foreign: c.noise[i-1]}, nil
			},
		}
		kept, noisy, err := r.rounds(t.Context())
		if err != nil || noisy != c.noisy || len(kept) != len(c.want) || i != len(c.noise) {
			t.Errorf("%s: %d rounds, kept %v, %d noisy, %v", name, i, kept, noisy, err)
			continue
		}
		for j, want := range c.want {
			if kept[j].noise() != want {
				t.Errorf("%s: kept %v, want %v", name, kept, c.want)
			}
		}
	}
}
