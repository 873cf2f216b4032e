// Command hits adds up hits and bytes of an access log in combined format by status and path, and does nothing else:
// what a person writes who has one question and cares about time.
package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

// Route is what lines are grouped by.
type Route struct {
	Status int16
	Path   string
}

// Sums are added up for a route.
type Sums struct {
	Hits  int64
	Bytes int64
}

var errNoLog = errors.New("not a line of an access log in combined format")

// hit takes `client - - [time zone] "METHOD path HTTP/1.1" status size ...` apart.
func hit(_ context.Context, line string, emit func(Route, Sums)) error {
	_, rest, _ := strings.Cut(line, `"`)
	_, rest, _ = strings.Cut(rest, " ")
	path, rest, _ := strings.Cut(rest, " ")
	_, rest, ok := strings.Cut(rest, " ")
	if !ok || len(rest) < 5 || rest[3] != ' ' {
		return jobs.BadRecord(errNoLog)
	}
	sums := Sums{Hits: 1}
	for i := 4; i < len(rest) && rest[i]-'0' <= 9; i++ {
		sums.Bytes = sums.Bytes*10 + int64(rest[i]-'0')
	}
	status, err := strconv.ParseInt(rest[:3], 10, 16)
	if err != nil {
		return jobs.BadRecord(errNoLog)
	}
	emit(Route{int16(status), path}, sums)
	return nil
}

var job = jobs.Job[string, Route, Sums, jobs.Pair[Route, Sums]]{Name: "hits", Map: hit, Combine: jobs.SumFields[Sums]()}

func main() { jobs.Main(job) }
