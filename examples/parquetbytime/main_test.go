package main

import (
	"testing"
	"time"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func TestLaws(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	some, none := 9.5, 0.0
	jobstest.Laws(t, job, []Event{
		{noon, "ann", "login", nil}, {noon.Add(-24 * time.Hour), "bob", "buy", &some}, {noon, "ann", "buy", &none},
		{noon, "", "login", nil}, {time.Time{}, "ann", "login", nil}, {noon, "bob", "", nil}, {noon, "ann", "login", nil},
		{first.Add(-1), "ann", "login", nil}, {first, "ann", "login", nil}, {last, "ann", "login", nil}, {last.Add(1), "ann", "login", nil},
	})
}

func TestBad(t *testing.T) {
	for _, c := range []struct {
		e   Event
		bad bool
	}{
		{Event{first, "ann", "login", nil}, false}, {Event{last, "ann", "login", nil}, false}, {Event{last.Add(1), "ann", "login", nil}, true},
		{Event{first.Add(-1), "ann", "login", nil}, true}, {Event{first, "", "login", nil}, true}, {Event{first, "ann", "", nil}, true},
	} {
		rows := 0
		err := job.Map(t.Context(), c.e, func(Key, Rest) { rows++ })
		if (err != nil) != c.bad || (rows == 0) != c.bad {
			t.Errorf("%+v: %d rows, %v", c.e, rows, err)
		}
	}
}
