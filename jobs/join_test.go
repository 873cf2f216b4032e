package jobs_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs"
)

type user struct {
	ID   int64
	Name *string
}

type click struct {
	User int64
	URL  string `mr:"url"`
}

type joined struct{ Name, URL string }

var (
	users = jobs.From("users", func(_ context.Context, u user, emit func(int64, user)) error {
		emit(u.ID, u)
		return nil
	})
	clicks = jobs.From("clicks", func(_ context.Context, line string, emit func(int64, click)) error {
		var c click
		if _, err := fmt.Sscan(line, &c.User, &c.URL); err != nil {
			return jobs.BadRecord(err)
		}
		emit(c.User, c)
		return nil
	})
)

func nameOf(u *user) string {
	switch {
	case u == nil:
		return "nobody"
	case u.Name == nil:
		return "anonymous"
	}
	return *u.Name
}

func TestJoins(t *testing.T) {
	people := sideFile(t, "u.csv", "id,name\n1,ann\n3,\n2,bob\n2,rob\n5,eve\n")
	urls := sideFile(t, "c.txt", "2 /b\n1 /a\n4 /z\nbad line\n2 /c\n3 /n\n1 /a\n")
	inner := jobs.Join("inner", clicks, users, func(_ context.Context, id int64, c click, u user, emit func(joined)) error {
		if c.User != id || u.ID != id {
			return fmt.Errorf("%d is joined with %d under %d", c.User, u.ID, id)
		}
		emit(joined{nameOf(&u), c.URL})
		return nil
	})
	left := jobs.LeftJoin("left", clicks, users, func(_ context.Context, _ int64, c click, u *user, emit func(joined)) error {
		emit(joined{nameOf(u), c.URL})
		return nil
	})
	groups := jobs.Cogroup("groups", clicks, users, func(_ context.Context, id int64, cs iter.Seq[click], us []user, emit func(string)) error {
		n := 0
		for range cs {
			n++
		}
		emit(fmt.Sprintf("%d: %d clicks of %d", id, n, len(us)))
		return nil
	})
	for want, job := range map[string]jobs.Stage{
		"ann /a|ann /a|anonymous /n|bob /b|bob /c|rob /b|rob /c":                               inner,
		"ann /a|ann /a|anonymous /n|bob /b|bob /c|nobody /z|rob /b|rob /c":                     left,
		"1: 2 clicks of 1|2: 2 clicks of 2|3: 1 clicks of 1|4: 1 clicks of 0|5: 0 clicks of 1": groups,
	} {
		got := strings.Split(strings.TrimSpace(strings.ReplaceAll(jobs.ByHand(t, job, nil, "users="+people, "clicks="+urls), "\t", " ")), "\n")
		if got := sortedText(got); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

// TestJoinHoldsOneSide has a key with more right values than a join holds, and as many left ones.
func TestJoinHoldsOneSide(t *testing.T) {
	const n, each = 70, 1 << 20
	big := func(name string) jobs.Input[struct{}, string] {
		return jobs.From(name, func(_ context.Context, line string, emit func(struct{}, string)) error {
			for range n {
				emit(struct{}{}, strings.Repeat(line, each))
			}
			return nil
		})
	}
	one := jobs.From("one", func(_ context.Context, line string, emit func(struct{}, string)) error {
		emit(struct{}{}, line)
		return nil
	})
	count := func(_ context.Context, _ struct{}, cs iter.Seq[string], held []string, emit func(int)) error {
		sum := 0
		for c := range cs {
			sum += len(c)
		}
		emit(sum + len(held))
		return nil
	}
	x := sideFile(t, "x.txt", "x")
	if got, want := jobs.ByHand(t, jobs.Cogroup("x", big("big"), one, count), nil, "big="+x, "one="+x), fmt.Sprintln(n*each+1); got != want {
		t.Errorf("large on the left it gives %q, want %q", got, want)
	}
	if got := jobs.ByHandFails(t, jobs.Cogroup("x", one, big("big"), count), nil, "big="+x, "one="+x); !strings.Contains(got, "big has more than 67108864 bytes of them for this one: make it the left input") {
		t.Errorf("large on the right it says %q", got)
	}
}

func TestJoinsRefused(t *testing.T) {
	null := jobs.From("null", func(context.Context, string, func(int64, chan int)) error { return nil })
	for want, job := range map[string]jobs.Stage{
		"the join: it has no function":            jobs.Join[int64, click, user, joined]("x", clicks, users, nil),
		"the right side: chan int: a chan cannot": jobs.LeftJoin("x", clicks, null, func(context.Context, int64, click, *chan int, func(joined)) error { return nil }),
		"two inputs are called users":             jobs.Cogroup("x", users, users, func(context.Context, int64, iter.Seq[user], []user, func(joined)) error { return nil }),
		"input users: it has no function": jobs.Join("x", clicks, jobs.From[string, int64, user]("users", nil),
			func(context.Context, int64, click, user, func(joined)) error { return nil }),
		"the input's name \"\" is not": jobs.Join("x", clicks, jobs.Input[int64, user]{},
			func(context.Context, int64, click, user, func(joined)) error { return nil }),
	} {
		if _, err := job.Program(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %q", err, want)
		}
	}
}

// sortedText is rows in order, on one line.
func sortedText(rows []string) string {
	slices.Sort(rows)
	return strings.Join(rows, "|")
}
