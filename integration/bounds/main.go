// Command bounds measures what it costs a job that a process dies in its midst: one of nine workers while maps run, and
// the leader when half of the tasks are done. Each disturbed run has an undisturbed one beside it, on a cluster of its own;
// the answers must be equal. It prints the medians and fails where a bound is passed.
//
// All processes share the machine, so that losing one loses what it had done and not a share of the cores: what is measured
// is the work made again and the time until somebody notices.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/mrctl/mrctl/integration/bench/gen"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.Int64Var(&o.size, "mb", 3000, "`megabytes` of text")
	flag.IntVar(&o.rounds, "rounds", 5, "`pairs` of runs of each case")
	flag.DurationVar(&o.ttl, "lease-ttl", 5*time.Second, "life of the lease")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bounds:", err)
		os.Exit(1)
	}
}

type options struct {
	size   int64
	rounds int
	ttl    time.Duration
}

// The bounds: of the undisturbed time, and for the leader the life of its lease beside that.
const (
	mostWorker = 1.08
	mostLeader = 1.10
)

func run(ctx context.Context, o options) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	text, err := gen.Ensure(ctx, filepath.Join(cache, "mrctl-bench"), gen.Spec{Kind: gen.Text, Size: o.size * 1e6})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mrctl-bounds-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only a temporary folder
	s := &site{dir: dir, text: text, ttl: o.ttl, binary: filepath.Join(dir, "mrctl"), plugin: filepath.Join(dir, "wordcount")}
	for path, pkg := range map[string]string{s.binary: "./cmd/mrctl", s.plugin: "./examples/wordcount"} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	worker, err := s.compare(ctx, o.rounds, "a worker of nine is killed when half of the maps are done", killWorker)
	if err != nil {
		return err
	}
	leader, err := s.compare(ctx, o.rounds, "the leader is killed when half of the tasks are done", killLeader)
	if err != nil {
		return err
	}
	ratio := worker.disturbed.Seconds() / worker.well.Seconds()
	rest := (leader.disturbed - o.ttl).Seconds() / leader.well.Seconds()
	fmt.Printf("\nworker killed: %.2f s, undisturbed %.2f s: %.3f of it (at most %.2f)\n", worker.disturbed.Seconds(), worker.well.Seconds(), ratio, mostWorker)
	fmt.Printf("leader killed: %.2f s, undisturbed %.2f s: %.3f of it beside the lease's %v (at most %.2f)\n",
		leader.disturbed.Seconds(), leader.well.Seconds(), rest, o.ttl, mostLeader)
	if ratio > mostWorker || rest > mostLeader {
		return fmt.Errorf("a bound is passed")
	}
	return nil
}

// times are medians.
type times struct{ well, disturbed time.Duration }

// compare runs pairs of undisturbed and disturbed jobs.
func (s *site) compare(ctx context.Context, rounds int, what string, disturb disturbance) (times, error) {
	fmt.Println(what)
	var well, disturbed []time.Duration
	for i := range rounds {
		a, err := s.job(ctx, leaveAlone)
		if err != nil {
			return times{}, err
		}
		b, err := s.job(ctx, disturb)
		if err != nil {
			return times{}, err
		}
		fmt.Printf("  %d: undisturbed %.2f s, disturbed %.2f s (%s)\n", i+1, a.took.Seconds(), b.took.Seconds(), b.note)
		well, disturbed = append(well, a.took), append(disturbed, b.took)
	}
	return times{median(well), median(disturbed)}, nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
