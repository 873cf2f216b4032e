package main

import (
	"context"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/jobstest"
)

func TestLaws(t *testing.T) {
	job := jobs.Job[Person, bool, Range, Range]{Name: "ranges", Combine: ranges.Combine, Reduce: ranges.Reduce}
	job.Map = func(_ context.Context, p Person, emit func(bool, Range)) error {
		emit(true, Range{p.Age, p.Age, p.Income, p.Income})
		return nil
	}
	jobstest.Laws(t, job, []Person{{1, 30, 1000, "Rome"}, {2, 71, 0, ""}, {3, 18.5, 250, "Oslo"}}, jobstest.Generated(0)) // no NaN
}

func TestScaled(t *testing.T) {
	for _, c := range []struct{ x, low, high, want float64 }{{5, 0, 10, 0.5}, {0, 0, 10, 0}, {10, 0, 10, 1}, {3, 3, 3, 0}} {
		if got := scaled(c.x, c.low, c.high); got != c.want {
			t.Errorf("%v in %v to %v is %v, want %v", c.x, c.low, c.high, got, c.want)
		}
	}
}

// TestBothStages: the ranges and what is made of them, over all records.
func TestBothStages(t *testing.T) {
	people := jobstest.Records("people", []Person{{1, 30, 1000, "Rome"}, {2, 70, 0, "Oslo"}, {3, 20, 500, "Rome"}})
	jobstest.LawsOf(t, []jobs.Stage{ranges, features}, people, jobstest.Generated(0)) // no NaN
	got := jobstest.OutputsOf(t, []jobs.Stage{ranges, features}, people)[""]
	want := []string{"1\ttrue\t0.2\t1\t820", "2\ttrue\t1\t0\t10", "3\ttrue\t0\t0.5\t820"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
