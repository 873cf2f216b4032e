// Command misbehave is a word count that goes wrong on request, for tests of how that is told.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

var (
	how = flag.String("how", "", "panic, exit, error, bad or hang: what happens at a line that contains -at")
	at  = flag.String("at", "BOOM", "the text that sets it off")
)

func split(ctx context.Context, line string, emit func(string, int64)) error {
	if strings.Contains(line, *at) {
		switch *how {
		case "panic":
			panic("told to panic")
		case "exit":
			fmt.Fprintln(os.Stderr, "told to exit")
			os.Exit(7)
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
	jobs.Main(jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "misbehave", Map: split, Combine: jobs.Sum[int64]()})
}
