package main

import (
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func TestLaws(t *testing.T) {
	jobstest.Laws(t, job, []string{"a\tTo be, or not to be", "b\tto whom?", "no tab", "c\t", "a\tto"})
}

func TestEachDocumentOnce(t *testing.T) {
	var got []Entry
	if err := job.Reduce(t.Context(), "to", slices.Values([]string{"a", "a", "b", "b"}), func(e Entry) { got = append(got, e) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !slices.Equal(got[0].Documents, []string{"a", "b"}) {
		t.Errorf("%+v", got)
	}
}
