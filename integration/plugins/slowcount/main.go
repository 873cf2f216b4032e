// Command slowcount is a word count that takes its time, so that tests can kill what runs it in the middle.
package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/mrctl/mrctl/jobs"
)

var (
	pause = flag.Duration("pause", 0, "sleep so long at every 1000th record")
	at    = flag.String("at", "", "sleep at records that begin so, instead")
	slow  = flag.String("slow", "", "sleep ten times as long on workers with this in the path of their scratch folder")
)

func main() {
	n := 0
	jobs.Main(jobs.Job[string, string, int64, jobs.Pair[string, int64]]{
		Name: "slowcount",
		Map: func(ctx context.Context, line string, emit func(string, int64)) error {
			n++
			if stop := *at == "" && n%1000 == 0 || *at != "" && strings.HasPrefix(line, *at); stop && *pause > 0 {
				select {
				case <-time.After(length()):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			for w := range jobs.Words(line) {
				emit(w, 1)
			}
			return nil
		},
		Combine: jobs.Sum[int64](),
	})
}

// length is how long a sleep is here.
func length() time.Duration {
	if *slow != "" && strings.Contains(os.Getenv("TMPDIR"), *slow) {
		return 10 * *pause
	}
	return *pause
}
