package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/mrctl/mrctl/integration/bench/refs/groups"
	"github.com/mrctl/mrctl/integration/bench/refs/recsort"
)

func countGroups(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	all, err := groups.Count(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	w := bufio.NewWriter(os.Stdout)
	for k, s := range all {
		fmt.Fprintf(w, "%s\t%d\t%d\n", k, s.Rows, s.Bytes)
	}
	return w.Flush()
}

func sortRecords(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("two files are needed, got %q", args)
	}
	return recsort.File(args[0], args[1])
}
