package torture

import (
	"fmt"
	"strings"
	"time"
)

var failureCases = []Case{
	{Name: "a mapper dies half way", Answer: "once: the exact answer; each time: the job fails and says how it died", Bound: 2 * time.Minute, Run: dies},
	{Name: "no room for what is written", Answer: "the job fails, says what could not be written and leaves no output", Bound: 3 * time.Minute, Run: noRoom},
}

func dies(r *room) {
	text, want := numbered(30_000)
	in := r.file("in.txt", text)
	flags := []string{"--split-size", "100KiB", "--slots", "2", "--memory", "64MiB", "--", "-harm", "die", "-at", "12345"}
	e := r.run("lines", in, append(flags, "-once", r.path("once"))...)
	e.gives(want...)
	e.counted("map.records_in", 30_000)
	e.counted("map.pairs_out", 30_000)
	one := append([]string{"--max-attempts", "2", "--slots", "1", "--memory", "64MiB"}, flags[6:]...)
	r.run("lines", in, one...).fails(1, "map 0", "signal: killed")
}

// noRoom bounds the size of files. Writes and the closing of files beyond that fail as on a full disk, wherever the
// bound is met first: in runs, or in the part.
func noRoom(r *room) {
	text, _ := numbered(200_000)
	in := r.file("in.txt", text)
	for _, kib := range []int{300, 1500} {
		limit := fmt.Sprintf(`ulimit -f %d; exec "$@"`, kib)
		e := r.runBy([]string{"bash", "-c", limit, "bash"}, "lines", in, "--slots", "1", "--memory", "64MiB", "--partitions", "1")
		e.fails(1, "file too large")
		if !strings.Contains(e.Err, "map") && !strings.Contains(e.Err, "reduce") {
			r.Errorf("at %d KiB it is not said what could not be written", kib)
		}
		if r.Failed() {
			r.Fatalf("at %d KiB\n%s", kib, e.Err)
		}
	}
}
