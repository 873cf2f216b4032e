package main

import (
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

func TestLaws(t *testing.T) {
	jobstest.Laws(t, job, []string{
		"to be or not to be", "", "that is the question", "  to   BE\t", "\xff\xfe not utf-8", "ein Wort\u00a0mehr", "be",
	})
}

func TestLower(t *testing.T) {
	*lower = true
	defer func() { *lower = false }()
	got := map[string]int64{}
	if err := count(t.Context(), "To be TO BE", func(w string, n int64) { got[w] += n }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got["to"] != 2 || got["be"] != 2 {
		t.Errorf("%v", got)
	}
}
