// Command grep prints the lines that match a pattern, in the order of the input:
//
//	mrctl run ./examples/grep 's3://logs/2026-11-22/**' -- -e 'status=5[0-9][0-9]'
//
// It only maps: no line is sorted or sent to another worker.
package main

import (
	"context"
	"flag"
	"regexp"

	"github.com/mrctl/mrctl/jobs"
)

var (
	pattern = regexp.MustCompile("")
	invert  = flag.Bool("v", false, "print the lines that do not match")
)

func init() {
	flag.TextVar(pattern, "e", regexp.MustCompile(""), "the `pattern` to look for, written as for package regexp; none matches all")
}

var job = jobs.Each("grep", func(_ context.Context, line []byte, emit func([]byte)) error {
	if pattern.Match(line) != *invert {
		emit(line)
	}
	return nil
})

func main() { jobs.Main(job) }
