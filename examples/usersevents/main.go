// Command usersevents joins events with the users that they are of: how often each did what. Events whose user nobody knows
// are kept, without a name.
//
//	mrctl run ./examples/usersevents --input users=users.csv --input events=events.jsonl
package main

import (
	"context"

	"github.com/mrctl/mrctl/jobs"
)

// User is a record of the input users.
type User struct {
	ID      int64
	Name    string
	Country string
}

// Event is a record of the input events.
type Event struct {
	User int64
	What string
}

// Row is a row of the result.
type Row struct {
	User    int64
	Name    string
	Country string
	What    string
}

// There are many events to a user, so they are on the left, where they stream; what is on the right is held for each key.
var job = jobs.LeftJoin("usersevents",
	jobs.From("events", func(_ context.Context, e Event, emit func(int64, string)) error {
		emit(e.User, e.What)
		return nil
	}),
	jobs.From("users", func(_ context.Context, u User, emit func(int64, User)) error {
		emit(u.ID, u)
		return nil
	}),
	func(_ context.Context, id int64, what string, u *User, emit func(Row)) error {
		if u == nil {
			u = &User{}
		}
		emit(Row{id, u.Name, u.Country, what})
		return nil
	})

func main() { jobs.Main(job) }
