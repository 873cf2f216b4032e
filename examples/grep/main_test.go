package main

import (
	"regexp"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/jobstest"
)

var log = [][]byte{[]byte("GET /a 200"), []byte("GET /b 503"), nil, []byte("PUT /a 500\r"), []byte("GET /\xff 200")}

// set has the job look for expr.
func set(t *testing.T, expr string, not bool) {
	t.Helper()
	was, wasNot := pattern, *invert
	t.Cleanup(func() { pattern, *invert = was, wasNot })
	pattern, *invert = regexp.MustCompile(expr), not
}

func TestLaws(t *testing.T) {
	set(t, " 5[0-9][0-9]", false)
	jobstest.Laws(t, job, log)
}

func TestGrep(t *testing.T) {
	for _, c := range []struct {
		expr string
		not  bool
		want []string
	}{
		{" 5[0-9][0-9]", false, []string{"GET /b 503", "PUT /a 500\r"}},
		{" 5[0-9][0-9]", true, []string{"GET /a 200", "", "GET /\xff 200"}},
		{"nowhere", false, nil},
	} {
		set(t, c.expr, c.not)
		var got []string
		for _, line := range log {
			if err := job.Map(t.Context(), line, func(_ jobs.None, line []byte) { got = append(got, string(line)) }); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.expr, got, c.want)
		}
	}
}
