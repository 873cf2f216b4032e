package main

import (
	"fmt"
	"strings"
)

// programs lists what can be run, by its words on the command line.
var programs = map[string]func(args []string) error{
	"wc naive":     one(wcNaive),
	"wc fast":      one(wcFast),
	"wc threads":   one(wcAllThreads),
	"logs naive":   one(logsNaive),
	"logs fast":    one(logsFast),
	"groups":       one(countGroups),
	"sort":         sortRecords,
	"copy":         copyBytes,
	"copy-receive": copyReceive, // the other process of copy
}

func run(args []string) error {
	for words := min(2, len(args)); words > 0; words-- {
		if p, ok := programs[strings.Join(args[:words], " ")]; ok {
			return p(args[words:])
		}
	}
	return fmt.Errorf("no such program: %q", args)
}

func one(f func(string) error) func([]string) error {
	return func(args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("one file is needed, got %q", args)
		}
		return f(args[0])
	}
}
