package main

import (
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

const (
	line = `1.2.3.4 - - [01/Mar/2026:00:00:00 +0000] "GET /a/b?c=1 HTTP/1.1" 200 1234 "-" "x y"`
	none = `1.2.3.4 - - [01/Mar/2026:00:00:00 +0000] "GET /a/b?c=1 HTTP/1.1" 304 - "-" "x y"`
)

func TestLaws(t *testing.T) {
	jobstest.Laws(t, job, []string{line, none, line, "", `"`, strings.Replace(line, "200", "2x0", 1)})
}

func TestHit(t *testing.T) {
	for l, want := range map[string]struct {
		Route
		Sums
	}{
		line: {Route{200, "/a/b?c=1"}, Sums{1, 1234}},
		none: {Route{304, "/a/b?c=1"}, Sums{1, 0}},
	} {
		n := 0
		err := hit(t.Context(), l, func(r Route, s Sums) {
			if n++; r != want.Route || s != want.Sums {
				t.Errorf("%s: %v %v", l, r, s)
			}
		})
		if err != nil || n != 1 {
			t.Errorf("%s: %d hits, %v", l, n, err)
		}
	}
}
