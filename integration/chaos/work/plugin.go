package work

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/jobs"
)

// IsPlugin says that this process was started by a worker, as a plugin.
func IsPlugin() bool {
	return os.Getenv(boundary.Handshake.MagicCookieKey) == boundary.Handshake.MagicCookieValue
}

var (
	which = new(string)
	pace  = new(time.Duration)
	seen  = jobs.NewCounter("seen", "records that the map function was given")
)

// Main serves the job that the flags name.
func Main() {
	which = flag.String("work", "", "words, logs, sort, skew, big, stages or picks")
	pace = flag.Duration("pace", 0, "a record takes at least so long to map")
	flag.Parse()
	if Kind(*which) == Stages {
		jobs.Main(userLoads, namedLoads)
		return
	}
	jobs.Main(chosen{})
}

// chosen is the only stage of the work that the flags name.
type chosen struct{}

// Program implements jobs.Stage.
func (chosen) Program() (boundary.Program, error) {
	stages := map[Kind]jobs.Stage{
		Words: jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "chaos-words", Map: mapWords, Combine: jobs.Sum[int64]()},
		Logs:  jobs.Job[string, string, Load, RouteLoad]{Name: "chaos-logs", Map: mapLog, Combine: jobs.Fold(Load.plus), Reduce: reduceLog},
		Sort:  jobs.Job[string, string, int64, Line]{Name: "chaos-sort", Map: mapLine, Reduce: reduceLine},
		Skew:  jobs.Job[string, string, int64, Group]{Name: "chaos-skew", Map: mapPair, Reduce: reduceGroup},
		Big:   jobs.Job[string, string, []byte, Heap]{Name: "chaos-big", Map: mapBig, Reduce: reduceBig},
		Picks: picks(),
	}
	s := stages[Kind(*which)]
	if s == nil {
		return nil, fmt.Errorf("-work %q is none of %v", *which, Kinds)
	}
	return s.Program()
}

// owed is how long the maps of this process should have slept and have not yet, in nanoseconds.
var owed atomic.Int64

// took ends a record: it is counted, and takes its time. Several are slept at once, for short sleeps are inexact.
func took(ctx context.Context) error {
	const once = 20 * time.Millisecond
	seen.Add(ctx, 1)
	owes := owed.Add(int64(*pace))
	if owes < int64(once) || !owed.CompareAndSwap(owes, 0) {
		return nil
	}
	t := time.NewTimer(time.Duration(owes))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func mapWords(ctx context.Context, line string, emit func(string, int64)) error {
	for w := range jobs.Words(line) {
		emit(w, 1)
	}
	return took(ctx)
}

// Load is what a route had to bear.
type Load struct{ Hits, Errors, Bytes int64 }

func (l Load) plus(m Load) Load { return Load{l.Hits + m.Hits, l.Errors + m.Errors, l.Bytes + m.Bytes} }

// RouteLoad is a row of the result.
type RouteLoad struct {
	Route               string
	Hits, Errors, Bytes int64
}

func mapLog(ctx context.Context, line string, emit func(string, Load)) error {
	f := strings.Fields(line)
	status, err := strconv.Atoi(f[1])
	if err != nil {
		return err
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return err
	}
	l := Load{Hits: 1, Bytes: size}
	if status >= 500 {
		l.Errors = 1
	}
	emit(f[0], l)
	return took(ctx)
}

func reduceLog(_ context.Context, route string, loads iter.Seq[Load], emit func(RouteLoad)) error {
	var sum Load
	for l := range loads {
		sum = sum.plus(l)
	}
	emit(RouteLoad{route, sum.Hits, sum.Errors, sum.Bytes})
	return nil
}

// Line is a row of the result.
type Line struct{ Line string }

func mapLine(ctx context.Context, line string, emit func(string, int64)) error {
	emit(line, 1)
	return took(ctx)
}

func reduceLine(_ context.Context, line string, ones iter.Seq[int64], emit func(Line)) error {
	for range ones {
		emit(Line{line})
	}
	return nil
}

// Group is a row of the result: what is known of the numbers of a key.
type Group struct {
	Key            string
	N, Sum, Parity int64
}

func mapPair(ctx context.Context, line string, emit func(string, int64)) error {
	key, number, _ := strings.Cut(line, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return err
	}
	emit(key, n)
	return took(ctx)
}

func reduceGroup(_ context.Context, key string, numbers iter.Seq[int64], emit func(Group)) error {
	g := Group{Key: key}
	for n := range numbers {
		g.N, g.Sum, g.Parity = g.N+1, g.Sum+n, g.Parity^n
	}
	emit(g)
	return nil
}

// Heap is a row of the result: what is known of the large values of a key.
type Heap struct {
	Key             string
	N, Bytes, Check int64
}

func mapBig(ctx context.Context, line string, emit func(string, []byte)) error {
	f := strings.Fields(line)
	size, err := strconv.Atoi(f[1])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(f[2])
	if err != nil {
		return err
	}
	emit(f[0], filler(size, n))
	return took(ctx)
}

func reduceBig(_ context.Context, key string, values iter.Seq[[]byte], emit func(Heap)) error {
	h := Heap{Key: key}
	for v := range values {
		h.N, h.Bytes, h.Check = h.N+1, h.Bytes+int64(len(v)), h.Check^check(v)
	}
	emit(h)
	return nil
}
