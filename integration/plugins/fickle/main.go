// Command fickle is a job whose map gives something else each time it runs, for tests of what becomes of that. Each line
// gives 32 pairs, for keys that begin with it; those of one run of the map can be told from those of another.
package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/mrctl/mrctl/jobs"
)

var (
	how   = flag.String("how", "values", "what differs: keys, values, clock (values that are the time) or order")
	pause = flag.Duration("pause", 0, "how long the reduce of the key \"slow\" takes")
)

func split(_ context.Context, line string, emit func(string, int64)) error {
	if line == "slow" {
		emit(line, 0)
		return nil
	}
	chance := rand.Int64N(1 << 40)
	for _, k := range rand.Perm(32) {
		key := fmt.Sprintf("%s/%d", line, k)
		switch *how {
		case "keys":
			emit(fmt.Sprintf("%s/%d", key, chance), chance)
		case "values":
			emit(key, chance)
		case "clock":
			emit(key, started.UnixNano())
		default:
			emit(key, int64(k))
		}
	}
	return nil
}

// started differs from process to process, as a time does that a map reads once.
var started = time.Now()

func sum(ctx context.Context, key string, values iter.Seq[int64], emit func(jobs.Pair[string, int64])) error {
	if key == "slow" {
		select {
		case <-time.After(*pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var total int64
	for v := range values {
		total += v
	}
	emit(jobs.Pair[string, int64]{Key: key, Value: total})
	return nil
}

func main() {
	jobs.Main(jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "fickle", Map: split, Reduce: sum})
}
