// Command features prepares records for machine learning: numbers scaled to between 0 and 1, a category hashed into a bucket, and
// each record told to be for training or for testing, always the same by its id. The first stage finds the ranges of the
// numbers, which the second needs for every record.
//
//	mrctl run ./examples/features --input people=people.csv --output-format parquet -o features
package main

import (
	"context"
	"encoding/binary"
	"flag"
	"hash/fnv"
	"iter"

	"github.com/mrctl/mrctl/jobs"
)

var (
	buckets = flag.Uint64("buckets", 1024, "for categories")
	test    = flag.Uint64("test", 20, "of 100 records, so many are for testing")
)

// Person is a record of the input.
type Person struct {
	ID     int64
	Age    float64
	Income float64
	City   string
}

// Range is the row of the first stage: of all records together.
type Range struct {
	MinAge, MaxAge, MinIncome, MaxIncome float64
}

func wider(a, b Range) Range {
	return Range{min(a.MinAge, b.MinAge), max(a.MaxAge, b.MaxAge), min(a.MinIncome, b.MinIncome), max(a.MaxIncome, b.MaxIncome)}
}

var ranges = jobs.Job[any, bool, Range, Range]{
	Name: "ranges",
	Inputs: []jobs.Input[bool, Range]{jobs.From("people", func(_ context.Context, p Person, emit func(bool, Range)) error {
		emit(true, Range{p.Age, p.Age, p.Income, p.Income}) // one key: all records are one group, combined before it travels
		return nil
	})},
	Combine: jobs.Fold(wider),
	Reduce: func(_ context.Context, _ bool, of iter.Seq[Range], emit func(Range)) error {
		first := true
		var all Range
		for r := range of {
			if first {
				all, first = r, false
			}
			all = wider(all, r)
		}
		emit(all)
		return nil
	},
}

// Features is a row of the result.
type Features struct {
	ID     int64
	Train  bool
	Age    float64
	Income float64
	City   uint64
}

// shards are the keys of the second stage: the one row of ranges goes to each, where it meets a share of the records.
const shards = 64

var features = jobs.Join("features",
	jobs.From("people", func(_ context.Context, p Person, emit func(uint64, Person)) error {
		emit(hash(p.ID)%shards, p)
		return nil
	}),
	jobs.After(ranges, func(_ context.Context, r Range, emit func(uint64, Range)) error {
		for shard := range uint64(shards) {
			emit(shard, r)
		}
		return nil
	}),
	func(_ context.Context, _ uint64, p Person, r Range, emit func(Features)) error {
		city := fnv.New64a()
		_, _ = city.Write([]byte(p.City)) // never fails
		emit(Features{p.ID, hash(p.ID)/shards%100 >= *test, scaled(p.Age, r.MinAge, r.MaxAge), scaled(p.Income, r.MinIncome, r.MaxIncome), city.Sum64() % *buckets})
		return nil
	})

func scaled(x, low, high float64) float64 {
	if low == high {
		return 0
	}
	return (x - low) / (high - low)
}

func hash(id int64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(id))) // never fails
	return h.Sum64()
}

func main() { jobs.Main(ranges, features) }
