// Command visits is a job of two named inputs: people, as rows, and a log whose lines begin with a person's id. It counts
// what each person did.
package main

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

// Person is a row of users.
type Person struct {
	ID   string
	Name string
}

// Seen is what either input says of a person: a name, or how often he was seen.
type Seen struct {
	Name  string
	Times int64
}

// Visits is a row of the result.
type Visits struct {
	ID, Name string
	Times    int64
}

func main() {
	jobs.Main(jobs.Job[any, string, Seen, Visits]{
		Name:   "visits",
		Inputs: []jobs.Input[string, Seen]{jobs.From("users", user), jobs.From("events", event)},
		Reduce: visits,
	})
}

func user(_ context.Context, p Person, emit func(string, Seen)) error {
	emit(p.ID, Seen{Name: p.Name})
	return nil
}

func event(_ context.Context, line string, emit func(string, Seen)) error {
	id, _, ok := strings.Cut(line, " ")
	if !ok {
		return jobs.BadRecord(errors.New("an id alone is no event"))
	}
	emit(id, Seen{Times: 1})
	return nil
}

func visits(_ context.Context, id string, values iter.Seq[Seen], emit func(Visits)) error {
	v := Visits{ID: id}
	for s := range values {
		v.Name += s.Name
		v.Times += s.Times
	}
	emit(v)
	return nil
}
