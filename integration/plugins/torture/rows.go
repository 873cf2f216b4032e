package main

import (
	"context"
	"flag"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

var harmed = flag.String("stage", "words", "the stage of -job stages that does harm")

// harmIn counts a record of a stage.
func harmIn(stage string) error {
	if stage != *harmed {
		return nil
	}
	return harm()
}

// Row is a record of a table.
type Row struct {
	Name string
	N    int64
}

// rowCounts gives each row with the number of times it came.
var rowCounts = jobs.Job[Row, Row, int64, jobs.Pair[Row, int64]]{
	Name: "table", Combine: jobs.Sum[int64](),
	Map: func(_ context.Context, r Row, emit func(Row, int64)) error {
		emit(r, 1)
		return harm()
	},
}

// Both is a row of a join: of the right side, only how large it is.
type Both struct {
	Key, Left string
	Right     int64
}

// left has records "key text", right records "key n", which are n bytes.
var (
	left = jobs.From("left", func(_ context.Context, line string, emit func(string, string)) error {
		key, text, _ := strings.Cut(line, " ")
		emit(key, text)
		return nil
	})
	right = jobs.From("right", func(_ context.Context, line string, emit func(string, []byte)) error {
		return value(context.Background(), line, emit)
	})
	join = jobs.Join("join", left, right, func(_ context.Context, key, l string, r []byte, emit func(Both)) error {
		emit(Both{key, l, int64(len(r))})
		return nil
	})
)

// words counts lines but those that begin with "#"; often, how many there are of each count, and what that is called.
var words = jobs.Job[any, string, int64, Row]{
	Name: "words", Combine: jobs.Sum[int64](),
	Inputs: []jobs.Input[string, int64]{jobs.From("text", func(_ context.Context, line string, emit func(string, int64)) error {
		if !strings.HasPrefix(line, "#") {
			emit(line, 1)
		}
		return harmIn("words")
	})},
}

var often = jobs.LeftJoin("often",
	jobs.After(words, func(_ context.Context, r Row, emit func(int64, string)) error {
		emit(r.N, r.Name)
		return harmIn("often")
	}),
	jobs.From("names", func(_ context.Context, r Row, emit func(int64, string)) error {
		emit(r.N, r.Name)
		return nil
	}),
	func(_ context.Context, n int64, word string, name *string, emit func(Both)) error {
		b := Both{Key: strconv.FormatInt(n, 10), Left: word}
		if name != nil {
			b.Right = int64(len(*name))
		}
		emit(b)
		return nil
	})

// side has a row for each record of sided.
var side = jobs.NewBroadcast("side", func(r Row) string { return r.Name })

// sided gives the numbers that lines have in side.
var sided = jobs.Job[string, string, int64, jobs.Pair[string, int64]]{
	Name: "sided", Combine: jobs.Sum[int64](), Sides: []jobs.SideData{side},
	Map: func(ctx context.Context, line string, emit func(string, int64)) error {
		rows, err := side.Load(ctx)
		if err != nil {
			return err
		}
		emit(line, rows[line].N)
		return harm()
	},
}
