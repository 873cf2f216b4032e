package streaming

import (
	"flag"
	"path/filepath"
	"strings"

	"github.com/mrctl/mrctl/jobs"
)

// Verb is the first argument of a process that is to serve a job made of commands.
const Verb = "streaming-plugin"

// Main is the main function of such a process; args are what follows Verb.
func Main(args []string) {
	var c Config
	c.define(flag.CommandLine)
	_ = flag.CommandLine.Parse(args) // it exits by itself
	jobs.Main(c)
}

// name is what a job is called after its first command: the name of the program, as far as jobs may be called so.
func (c Config) name() string {
	for _, s := range []string{c.Map, c.Reduce, c.Fold} {
		if words := strings.Fields(s); len(words) > 0 {
			name := strings.Map(func(r rune) rune {
				if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
					return r
				}
				return -1
			}, strings.ToLower(filepath.Base(words[0])))
			if name != "" {
				return name[:min(len(name), 40)]
			}
		}
	}
	return "sort"
}

var _ jobs.Stage = Config{}
