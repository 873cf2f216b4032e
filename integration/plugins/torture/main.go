// Command torture is a plugin of several small jobs whose answer is easily told, and which do harm to themselves and to
// their input on request.
package main

import (
	"context"
	"flag"
	"fmt"
	"hash/crc64"
	"iter"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/jobs"
)

var which = flag.String("job", "lines", "lines, sizes, each, none, nothing, placed, distinct, groups, values, rows, first, table, join, sided or stages: see the source")

func main() {
	flag.Parse()
	if *which == "stages" {
		jobs.Main(words, often)
		return
	}
	jobs.Main(chosen{})
}

// chosen is the only stage of what -job names.
type chosen struct{}

// Program implements jobs.Stage.
func (chosen) Program() (boundary.Program, error) {
	stage, ok := map[string]jobs.Stage{
		// Each line with the number of times it came.
		"lines": jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "lines", Map: line, Combine: jobs.Sum[int64]()},
		// Length and checksum of each record.
		"sizes": jobs.Job[[]byte, Size, int64, jobs.Pair[Size, int64]]{Name: "sizes", Map: size, Combine: jobs.Sum[int64]()},
		// The same, each in the first part.
		"placed": jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "placed", Map: line, Combine: jobs.Sum[int64](),
			Partition: func(string, int) int { return 0 }},
		// Each line as it is, and none, without keys.
		"each": jobs.Each("each", func(_ context.Context, line []byte, emit func([]byte)) error { emit(line); return harm() }),
		"none": jobs.Each("none", func(context.Context, []byte, func([]byte)) error { return harm() }),
		// No pair at all.
		"nothing": jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "nothing", Map: nothing},
		// A record "from to" is the numbers between.
		"distinct": jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "distinct", Map: distinct, Combine: jobs.Sum[int64]()},
		// A record "key from to" is a pair for each number between, none of which can be combined.
		"groups": jobs.Job[string, string, int64, Group]{Name: "groups", Map: numbers, Reduce: group},
		// A record "key n" is a value of n bytes; the reduce tells its size and checksum ...
		"values": jobs.Job[string, string, []byte, Value]{Name: "values", Map: value, Reduce: weigh},
		// ... or there is none and it is in the output ...
		"rows": jobs.Job[string, string, []byte, jobs.Pair[string, []byte]]{Name: "rows", Map: value},
		// ... or the reduce leaves its groups alone after the first value.
		"first": jobs.Job[string, string, []byte, Value]{Name: "first", Map: value, Reduce: first},
		// See rows.go.
		"table": rowCounts, "join": join, "sided": sided,
	}[*which]
	if !ok {
		return nil, fmt.Errorf("there is no -job %s", *which)
	}
	return stage.Program()
}

func line(_ context.Context, line string, emit func(string, int64)) error {
	emit(line, 1)
	return harm()
}

var table = crc64.MakeTable(crc64.ECMA)

// Size describes a record.
type Size struct {
	Bytes int64
	Sum   string // CRC-64 in hex
}

func size(_ context.Context, rec []byte, emit func(Size, int64)) error {
	emit(Size{int64(len(rec)), strconv.FormatUint(crc64.Checksum(rec, table), 16)}, 1)
	return harm()
}

func nothing(context.Context, string, func(string, int64)) error { return harm() }

func distinct(_ context.Context, rec string, emit func(string, int64)) error {
	var from, to int64
	if _, err := fmt.Sscan(rec, &from, &to); err != nil {
		return jobs.BadRecord(err)
	}
	for n := from; n < to; n++ {
		emit(strconv.FormatInt(n, 10), 1)
	}
	return harm()
}

// Group is a key with its values, which may be of any number.
type Group struct {
	Key       string
	Rows, Sum int64
}

func numbers(_ context.Context, rec string, emit func(string, int64)) error {
	var key string
	var from, to int64
	if _, err := fmt.Sscan(rec, &key, &from, &to); err != nil {
		return jobs.BadRecord(err)
	}
	for n := from; n < to; n++ {
		emit(key, n)
	}
	return harm()
}

func group(_ context.Context, key string, values iter.Seq[int64], emit func(Group)) error {
	g := Group{Key: key}
	for v := range values {
		g.Rows++
		g.Sum += v
	}
	emit(g)
	return nil
}

// Value is what a key's values were.
type Value struct {
	Key         string
	Rows, Bytes int64
	Sum         string // of their CRC-64s, in hex
}

func value(_ context.Context, rec string, emit func(string, []byte)) error {
	key, n, _ := strings.Cut(rec, " ")
	bytes, err := strconv.Atoi(n)
	if err != nil {
		return jobs.BadRecord(err)
	}
	emit(key, filler(key, bytes))
	return harm()
}

// filler is n bytes that follow from a key.
func filler(key string, n int) []byte {
	b := make([]byte, n)
	for i, at := 0, 0; i < n; i, at = i+1, at+1 {
		if at == len(key) {
			at = 0
		}
		b[i] = key[at]
	}
	return b
}

func weigh(_ context.Context, key string, values iter.Seq[[]byte], emit func(Value)) error {
	v := Value{Key: key}
	var sum uint64
	for b := range values {
		v.Rows++
		v.Bytes += int64(len(b))
		sum += crc64.Checksum(b, table)
	}
	v.Sum = strconv.FormatUint(sum, 16)
	emit(v)
	return nil
}

func first(_ context.Context, key string, values iter.Seq[[]byte], emit func(Value)) error {
	for b := range values {
		emit(Value{Key: key, Rows: 1, Bytes: int64(len(b)), Sum: strconv.FormatUint(crc64.Checksum(b, table), 16)})
		break
	}
	return nil
}
