package sched

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestTransitions draws the tables of transitions to testdata/transitions.dot, so that a change of one is seen in review.
func TestTransitions(t *testing.T) {
	var b strings.Builder
	b.WriteString("digraph sched {\n")
	draw(&b, "task", taskNext[:])
	draw(&b, "attempt", attemptNext[:])
	draw(&b, "job", jobNext[:])
	draw(&b, "worker", workerNext[:])
	b.WriteString("}\n")
	const file = "testdata/transitions.dot"
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != b.String() {
		t.Errorf("%s is not what the tables say (-rewrite accepts it): %v\n%s", file, err, b.String())
	}
}

func draw[S interface {
	~uint8
	fmt.Stringer
}](b *strings.Builder, what string, table [][]S) {
	for from, next := range table {
		for _, to := range next {
			fmt.Fprintf(b, "  \"%s %v\" -> \"%s %v\"\n", what, S(from), what, to)
		}
	}
}

func TestIllegalTransitionPanics(t *testing.T) {
	defer func() {
		if r := fmt.Sprint(recover()); r != "sched: job j: no transition gone to running" {
			t.Errorf("panic %q", r)
		}
	}()
	s := New(Config{})
	s.setJob(&job{id: "j", state: jobGone}, jobRunning)
}
