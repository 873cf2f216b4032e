// Command parquetbytime makes Parquet of JSON lines of events, in order of time over all parts:
//
//	mrctl run ./examples/parquetbytime -o events --sorted --output-format parquet --max-bad-records 100 's3://raw/2026/**/*.jsonl.gz'
//
// Each part is a range of time and holds its rows in order, so a query of some days reads the parts and the row groups whose
// least and greatest time say that they have a share in them, and no others. That is what partitions in folders of a day
// each are for, without their cost: days may be as unequal as they like, and the parts are about equal all the same; a late event
// finds its place; and nobody has to know beforehand which days there are. The price is that a day may lie in two parts
// or more: it does where it is large, and where a cut falls into it. A Partition by day would keep days whole, and give
// parts as unequal as the days, each with days that are not next to each other.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/mrctl/mrctl/jobs"
)

// Event is a line of the input, and a row of the result.
type Event struct {
	Time   time.Time
	User   string
	Kind   string
	Amount *float64 `mr:",optional"` // most kinds have none
}

// Key orders events: by time, and by user where that is equal. It and Rest are Event cut in two.
type Key struct {
	Time time.Time
	User string
}

// Rest is what does not order.
type Rest struct {
	Kind   string
	Amount *float64
}

// Times before the first or after the last are taken for clocks that were not set: one of them would stretch the range of a
// part, and no query of a day could leave it out.
var (
	first = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	last  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

var job = jobs.Job[Event, Key, Rest, Event]{
	Name: "parquetbytime",
	Map: func(_ context.Context, e Event, emit func(Key, Rest)) error {
		switch {
		case e.Time.Before(first) || e.Time.After(last):
			return jobs.BadRecord(errors.New("its time is before 2000 or after 2100"))
		case e.User == "" || e.Kind == "":
			return jobs.BadRecord(errors.New("it has no user, or no kind"))
		}
		emit(Key{e.Time, e.User}, Rest{e.Kind, e.Amount})
		return nil
	},
}

func main() { jobs.Main(job) }
