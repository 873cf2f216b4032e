// Command kit is several jobs over visits, one of which is picked by -job: what the SDK has ready-made, for tests that
// know the answers. A line of the input is a user, a time, a page and milliseconds, with blanks between.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"slices"

	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/sketch"
)

var which = flag.String("job", "path", "path, slowest, users, summary, owners, inner, left or groups")

type visit struct {
	Time, Millis int64
	Page         string
}

var errNoVisit = errors.New("no visit")

func visits(_ context.Context, line string, emit func(string, visit)) error {
	var user string
	var v visit
	if n, err := fmt.Sscan(line, &user, &v.Time, &v.Page, &v.Millis); err != nil || n != 4 {
		return jobs.BadRecord(errNoVisit)
	}
	emit(user, v)
	return nil
}

// path is what there is to tell of the visits of a user in the order of time.
type path struct {
	User        string
	Visits      int64
	First, Last string
	Sorted      bool
}

func walk(_ context.Context, user string, values iter.Seq[visit], emit func(path)) error {
	p := path{User: user, Sorted: true}
	last := visit{}
	for v := range values {
		if p.Visits++; p.Visits == 1 {
			p.First = v.Page
		}
		p.Sorted = p.Sorted && v.Time >= last.Time
		last = v
	}
	p.Last = last.Page
	emit(p)
	return nil
}

// seen is what the sketches hold of a user.
type seen struct {
	Pages  sketch.HLL
	Millis sketch.DDSketch
	Most   sketch.TopK
}

func merge(a, b seen) seen {
	return seen{a.Pages.Merge(b.Pages), a.Millis.Merge(b.Millis), a.Most.Merge(b.Most)}
}

type summary struct {
	User   string
	Pages  uint64
	Visits uint64
	Median float64
	Most   string
}

func summarise(_ context.Context, user string, values iter.Seq[seen], emit func(summary)) error {
	s := jobs.Fold(merge).Fold(values)
	emit(summary{user, s.Pages.Count(), s.Millis.Count(), s.Millis.Quantile(0.5), s.Most.Top(1)[0].Name})
	return nil
}

// owner is a row of the side file owners.
type owner struct{ Page, Team string }

var owners = jobs.NewBroadcast("owners", func(o owner) string { return o.Page })

// byOwner counts the visits of a team.
func byOwner(ctx context.Context, line string, emit func(string, int64)) error {
	table, err := owners.Load(ctx)
	if err != nil {
		return err
	}
	return visits(ctx, line, func(_ string, v visit) {
		if o, ok := table[v.Page]; ok {
			emit(o.Team, 1)
		}
	})
}

// The inputs of joins: visits by page, and who owns pages, which may be several.
var (
	byPage = jobs.From("visits", func(ctx context.Context, line string, emit func(string, string)) error {
		return visits(ctx, line, func(user string, v visit) { emit(v.Page, user) })
	})
	ofPage = jobs.From("owners", func(_ context.Context, o owner, emit func(string, owner)) error {
		emit(o.Page, o)
		return nil
	})
)

// owned is a row of a join.
type owned struct{ User, Page, Team string }

// group is a row of a cogroup.
type group struct {
	Page           string
	Visits, Owners int64
}

func main() {
	flag.Parse()
	all := map[string]jobs.Stage{
		"path": jobs.Job[string, string, visit, path]{
			Name: "path", Map: visits, Reduce: walk,
			SortBy: jobs.Ascending(func(_ string, v visit) int64 { return v.Time }),
		},
		"slowest": jobs.TopK("slowest", 3, func(v visit) int64 { return v.Millis }, visits),
		"users": jobs.Distinct("users", func(ctx context.Context, line string, emit func(string)) error {
			return visits(ctx, line, func(user string, _ visit) { emit(user) })
		}),
		"owners": jobs.Job[string, string, int64, jobs.Pair[string, int64]]{
			Name: "owners", Map: byOwner, Combine: jobs.Sum[int64](), Sides: []jobs.SideData{owners},
		},
		"inner": jobs.Join("inner", byPage, ofPage, func(_ context.Context, page, user string, o owner, emit func(owned)) error {
			emit(owned{user, page, o.Team})
			return nil
		}),
		"left": jobs.LeftJoin("left", byPage, ofPage, func(_ context.Context, page, user string, o *owner, emit func(owned)) error {
			if o == nil {
				o = &owner{Team: "-"}
			}
			emit(owned{user, page, o.Team})
			return nil
		}),
		"groups": jobs.Cogroup("groups", byPage, ofPage, func(_ context.Context, page string, users iter.Seq[string], os []owner, emit func(group)) error {
			g := group{Page: page, Owners: int64(len(os))}
			for range users {
				g.Visits++
			}
			emit(g)
			return nil
		}),
		"summary": jobs.Job[string, string, seen, summary]{
			Name: "summary", Combine: jobs.Fold(merge), Reduce: summarise,
			Map: func(ctx context.Context, line string, emit func(string, seen)) error {
				return visits(ctx, line, func(user string, v visit) {
					emit(user, seen{sketch.HLL(nil).Add(v.Page), sketch.DDSketch(nil).Add(float64(v.Millis)), sketch.TopK{Room: 100}.Add(v.Page, 1)})
				})
			},
		},
	}
	job, ok := all[*which]
	if !ok {
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "-job is one of %v, not %q\n", names, *which)
		os.Exit(2)
	}
	jobs.Main(job)
}
