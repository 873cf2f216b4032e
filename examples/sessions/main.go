// Command sessions cuts what users do into sessions: visits of one user with less than a gap between them. Input are lines of
// JSON with user, time and path:
//
//	mrctl run ./examples/sessions visits.jsonl -- -gap 30m
package main

import (
	"context"
	"flag"
	"iter"
	"time"

	"github.com/mrctl/mrctl/jobs"
)

var gap = flag.Duration("gap", 30*time.Minute, "a longer pause begins a new session")

// Visit is a record of the input.
type Visit struct {
	User string
	Time time.Time
	Path string
}

// Page is what is kept of a visit.
type Page struct {
	Time time.Time
	Path string
}

// Session is a row of the result.
type Session struct {
	User  string
	Begin time.Time
	End   time.Time
	Pages int64
	First string
	Last  string
}

var job = jobs.Job[Visit, string, Page, Session]{
	Name: "sessions",
	Map: func(_ context.Context, v Visit, emit func(string, Page)) error {
		emit(v.User, Page{v.Time, v.Path})
		return nil
	},
	// Pages of a user come in order of their time, and of their path where that is equal, so no group has to be held and sorted.
	SortBy: jobs.Ascending(func(_ string, p Page) Page { return p }),
	Reduce: func(_ context.Context, user string, pages iter.Seq[Page], emit func(Session)) error {
		var s Session
		for p := range pages {
			if s.Pages > 0 && p.Time.Sub(s.End) > *gap {
				emit(s)
				s = Session{}
			}
			if s.Pages == 0 {
				s = Session{User: user, Begin: p.Time, First: p.Path}
			}
			s.End, s.Last = p.Time, p.Path
			s.Pages++
		}
		emit(s)
		return nil
	},
}

func main() { jobs.Main(job) }
