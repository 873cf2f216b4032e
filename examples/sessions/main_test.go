package main

import (
	"slices"
	"testing"
	"time"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func at(minutes int) time.Time {
	return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

func TestLaws(t *testing.T) {
	jobstest.Laws(t, job, []Visit{
		{"ann", at(0), "/"}, {"bob", at(1), "/"}, {"ann", at(31), "/late"}, {"ann", at(10), "/cart"}, {"bob", at(90), "/"}, {"ann", at(10), "/a"},
	})
}

func TestSessions(t *testing.T) {
	var got []Session
	pages := []Page{{at(0), "/"}, {at(30), "/cart"}, {at(61), "/"}}
	if err := job.Reduce(t.Context(), "ann", slices.Values(pages), func(s Session) { got = append(got, s) }); err != nil {
		t.Fatal(err)
	}
	want := []Session{{"ann", at(0), at(30), 2, "/", "/cart"}, {"ann", at(61), at(61), 1, "/", "/"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
