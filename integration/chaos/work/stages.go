package work

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

// UserLoad is a row between the stages.
type UserLoad struct {
	User   string
	N, Sum int64
}

// Sums are what a user's lines come to.
type Sums struct{ N, Sum int64 }

// userLoads is the first stage of Stages.
var userLoads = jobs.Job[any, string, Sums, UserLoad]{
	Name: "chaos-user-loads", Combine: jobs.SumFields[Sums](),
	Reduce: func(_ context.Context, user string, sums iter.Seq[Sums], emit func(UserLoad)) error {
		all := jobs.SumFields[Sums]().Fold(sums)
		emit(UserLoad{user, all.N, all.Sum})
		return nil
	},
	Inputs: []jobs.Input[string, Sums]{jobs.From("log", func(ctx context.Context, line string, emit func(string, Sums)) error {
		user, number, _ := strings.Cut(line, " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return err
		}
		emit(user, Sums{1, n})
		return took(ctx)
	})},
}

// Named is a row of the result.
type Named struct {
	User, Name string
	N, Sum     int64
}

// namedLoads is the second one: a join of the rows of the first with an input of its own.
var namedLoads = jobs.Join("chaos-named-loads",
	jobs.After(userLoads, func(ctx context.Context, row UserLoad, emit func(string, Sums)) error {
		emit(row.User, Sums{row.N, row.Sum})
		return took(ctx)
	}),
	jobs.From("names", func(_ context.Context, line string, emit func(string, string)) error {
		user, name, _ := strings.Cut(line, " ")
		emit(user, name)
		return nil
	}),
	func(_ context.Context, user string, s Sums, name string, emit func(Named)) error {
		emit(Named{user, name, s.N, s.Sum})
		return nil
	})
