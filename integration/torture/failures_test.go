package torture

import (
	"strings"
	"time"
)

var failureCases = []Case{
	{Name: "a mapper dies half way", Answer: "once: the exact answer; each time: the job fails and says how it died", Bound: 2 * time.Minute, Run: dies},
	{Name: "no room for what is written", Answer: "in scratch, attempts are lost and tried again, and events say why; in the output, the job fails; nothing of it is left", Run: noRoom},
}

func dies(r *room) {
	text, want := numbered(30_000)
	in := r.file("in.txt", text)
	flags := []string{"--split-size", "100KiB", "--slots", "2", "--memory", "64MiB", "--max-attempts", "4", "--", "-harm", "die", "-at", "12345"}
	e := r.run("lines", in, append(flags, "-once", r.path("once"))...)
	e.gives(want...)
	e.counted("map.records_in", 30_000)
	e.counted("map.pairs_out", 30_000)
	one := append([]string{"--max-attempts", "2", "--slots", "1", "--memory", "64MiB"}, flags[8:]...)
	r.run("lines", in, one...).fails(1, "map 0", "signal 9")
}

// noRoom bounds the size of files: what goes beyond fails as on a full disk, in the run of a map or, where runs are small,
// in the part. Scratch may have room again at any time and on another worker, so the job goes on for minutes, which is
// cut short here, by one signal: in the background, timeout would send another one to its group, at which mrctl leaves at once.
func noRoom(r *room) {
	text, _ := numbered(200_000)
	in := r.file("in.txt", text)
	bounded := []string{"bash", "-c", `ulimit -f 1000; exec "$@"`, "bash"}
	flags := []string{"--slots", "1", "--memory", "64MiB", "--partitions", "1", "--split-size"}
	e := r.runBy(append([]string{"timeout", "--foreground", "--preserve-status", "-s", "INT", "2"}, bounded...), "lines", in, append(flags, "16MiB")...)
	e.fails(130, "interrupted")
	if !strings.Contains(e.Out, "attempt-lost") || !strings.Contains(e.Out, "write run") || !strings.Contains(e.Out, "file too large") {
		r.Errorf("the events do not say why attempts are lost:\n%s", e.Out)
	}
	r.runBy(bounded, "lines", in, append(flags, "200KB")...).fails(1, "reduce 0", "part-00000.tsv", "file too large")
}
