package main

import (
	"context"
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
