package main

import (
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/jobstest"
)

var given = []jobstest.Option{
	jobstest.Records("users", []User{{1, "Ann", "IT"}, {2, "Bob", "NO"}, {4, "Dan", "PE"}}),
	jobstest.Records("events", []Event{{1, "login"}, {2, "login"}, {1, "buy"}, {3, "login"}, {1, "buy"}}),
}

func TestLaws(t *testing.T) { jobstest.LawsOf(t, []jobs.Stage{job}, given...) }

// TestRows: an event whose user nobody knows is kept, and a user without events is not.
func TestRows(t *testing.T) {
	got := jobstest.OutputsOf(t, []jobs.Stage{job}, given...)[""]
	want := []string{"1\tAnn\tIT\tbuy", "1\tAnn\tIT\tbuy", "1\tAnn\tIT\tlogin", "2\tBob\tNO\tlogin", "3\t\t\tlogin"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
