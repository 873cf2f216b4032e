// Command misbehave is a word count that goes wrong on request, for tests of how that is told.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/mrctl/mrctl/jobs"
)

var (
	how = flag.String("how", "", "panic, exit, segv, memory, error, bad, hang, spin or worker (kill it): what happens at a line that contains -at; any: as its next word says")
	at  = flag.String("at", "BOOM", "the text that sets it off")
)

var (
	hoard [][]byte
	spins atomic.Int64
)

func split(ctx context.Context, line string, emit func(string, int64)) error {
	if _, after, ok := strings.Cut(line, *at); ok {
		what := *how
		if words := strings.Fields(after); what == "any" && len(words) > 0 {
			what = words[0]
		}
		switch what {
		case "panic":
			panic("told to panic")
		case "exit":
			fmt.Fprintln(os.Stderr, "told to exit")
			os.Exit(7)
		case "segv":
			_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
			select {}
		case "memory":
			for { // none of it is touched, but addresses have an end
				hoard = append(hoard, make([]byte, 1<<46))
			}
		case "spin":
			for {
				spins.Add(1)
			}
		case "worker":
			_ = syscall.Kill(os.Getppid(), syscall.SIGKILL)
			select {}
		case "error":
			return errors.New("told to fail")
		case "bad":
			return jobs.BadRecord(errors.New("told to be bad"))
		case "hang":
			<-ctx.Done()
		}
	}
	for w := range jobs.Words(line) {
		emit(w, 1)
	}
	return nil
}

func main() {
	if os.Getenv("MRCTL_MISBEHAVE_START") == "never" || strings.HasSuffix(os.Args[0], "-never") {
		select {}
	}
	job := jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "misbehave", Map: split, Combine: jobs.Sum[int64]()}
	if slices.Contains(os.Args, "astray") { // -how astray: keys go to a partition that is none
		job.Partition = func(_ string, n int) int { return n }
	}
	jobs.Main(job)
}
