package jobs_test

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/jobstest"
)

type session struct {
	User        string
	From, Until int64
	Pages       string
}

// TestSortByKeepsTheLaws cuts visits into sessions, which hangs on their order, in a stream with a pair at each split.
func TestSortByKeepsTheLaws(t *testing.T) {
	type seen struct {
		At   int64
		Page string
	}
	job := jobs.Job[string, string, seen, session]{
		Name:   "sessions",
		SortBy: jobs.Ascending(func(_ string, s seen) seen { return s }),
		Map: func(_ context.Context, line string, emit func(string, seen)) error {
			f := strings.Fields(line)
			if len(f) != 3 {
				return jobs.BadRecord(errors.New("no visit"))
			}
			at, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return jobs.BadRecord(err)
			}
			emit(f[0], seen{at, f[2]})
			return nil
		},
		Reduce: func(_ context.Context, user string, values iter.Seq[seen], emit func(session)) error {
			var s session
			for v := range values {
				if s.Pages != "" && v.At > s.Until+10 {
					emit(s)
					s = session{}
				}
				if s.Pages == "" {
					s = session{User: user, From: v.At}
				}
				s.Until, s.Pages = v.At, s.Pages+v.Page
			}
			emit(s)
			return nil
		},
	}
	lines := []string{"ann 30 d", "bob 5 x", "ann 1 a", "ann 12 c", "bob -3 w", "ann 7 b", "bob x y", "ann 12 b", "bob 100 z"}
	jobstest.Laws(t, job, lines)
	want := "ann\t1\t12\tabbc\nann\t30\t30\td\nbob\t-3\t5\twx\nbob\t100\t100\tz\n"
	if got := jobs.ByHand(t, job, lines); got != want {
		t.Errorf("the sessions are\n%s, want\n%s", got, want)
	}
}
