// Command loganalysis reports on web access logs: hits, errors, bytes and latencies by any of hour, day, route, path,
// status, method, client and agent. It reads the combined and the common format and JSON lines, as they come.
//
//	mrctl run ./examples/loganalysis access.log
//	mrctl run ./examples/loganalysis access.log -- -by status
//	mrctl run ./examples/loganalysis 'logs/*.gz' -- -by day,method -error-from 400
//
// The columns are those of -by, then hits, errors, bytes, and the 50th, 95th and 99th percentile of the latency in
// milliseconds, which are within 1 % of the true ones, and \N where no line of the group says how long it took.
package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mrctl/mrctl/jobs"
)

var (
	by        = []string{"hour", "route"}
	errorFrom = flag.Int64("error-from", 500, "lowest status that counts as an error")
	strict    = flag.Bool("strict", false, "fail at the first line that cannot be read, instead of counting it")
)

func init() {
	flag.Func("by", "`COLUMNS` to report by, comma separated (default hour,route): "+strings.Join(dimensions, ", "), setBy)
}

// dimensions are what a report can be by.
var dimensions = []string{"hour", "day", "route", "path", "status", "method", "client", "agent"}

func setBy(list string) error {
	by = strings.Split(list, ",")
	for i, name := range by {
		if !slices.Contains(dimensions, name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(dimensions, ", "))
		}
		if slices.Contains(by[:i], name) {
			return fmt.Errorf("%q is named twice", name)
		}
	}
	return nil
}

// Load is what is known of a set of hits.
type Load struct {
	Hits, Errors, Bytes int64
	Latency             Sketch
}

// Row is a line of the report; of the first eight columns those of -by are printed.
type Row struct {
	Hour                  time.Time
	Day, Route, Path      string
	Status                int64
	Method, Client, Agent string
	Hits, Errors, Bytes   int64
	P50, P95, P99         *float64
}

// separator parts the columns of a key. Parsed fields hold no NUL: parse refuses them.
const separator = "\x00"

func measure(_ context.Context, line string, emit func(string, Load)) error {
	hit, err := parse(line)
	switch {
	case err == errBlank:
		return nil
	case err != nil && *strict:
		return err
	case err != nil:
		return jobs.BadRecord(err)
	}
	key := hit.column(by[0])
	for _, name := range by[1:] {
		key += separator + hit.column(name)
	}
	load := Load{Hits: 1, Bytes: hit.Bytes}
	if hit.Status >= *errorFrom {
		load.Errors = 1
	}
	if hit.HasLatency {
		load.Latency.Add(hit.LatencyMS)
	}
	emit(key, load)
	return nil
}

func (l Load) plus(m Load) Load {
	l.Latency.Merge(m.Latency)
	return Load{l.Hits + m.Hits, l.Errors + m.Errors, l.Bytes + m.Bytes, l.Latency}
}

func report(_ context.Context, key string, loads iter.Seq[Load], emit func(Row)) error {
	var sum Load
	for l := range loads {
		sum = sum.plus(l)
	}
	row := Row{Hits: sum.Hits, Errors: sum.Errors, Bytes: sum.Bytes,
		P50: sum.Latency.Quantile(0.50), P95: sum.Latency.Quantile(0.95), P99: sum.Latency.Quantile(0.99)}
	for i, text := range strings.Split(key, separator) {
		if err := row.set(by[i], text); err != nil {
			return err
		}
	}
	emit(row)
	return nil
}

// set fills a column from its text in the key.
func (r *Row) set(name, text string) (err error) {
	switch name {
	case "hour":
		r.Hour, err = time.Parse(time.RFC3339, text)
	case "status":
		r.Status, err = strconv.ParseInt(text, 10, 64)
	case "day":
		r.Day = text
	case "route":
		r.Route = text
	case "path":
		r.Path = text
	case "method":
		r.Method = text
	case "client":
		r.Client = text
	case "agent":
		r.Agent = text
	}
	return err
}

func columns() []string {
	return append(slices.Clone(by), "hits", "errors", "bytes", "p50", "p95", "p99")
}

var job = jobs.Job[string, string, Load, Row]{
	Name: "loganalysis", Map: measure, Combine: jobs.Fold(Load.plus), Reduce: report, Columns: columns,
}

func main() { jobs.Main(job) }
