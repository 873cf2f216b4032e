package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/mrctl/mrctl/integration/bench/refs/logagg"
)

func logsNaive(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	all, err := logagg.Naive(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	w := bufio.NewWriter(os.Stdout)
	for k, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", k.Status, k.Path, s.Hits, s.Bytes)
	}
	return w.Flush()
}

func logsFast(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	t := logagg.NewTable()
	if err := errors.Join(t.Read(f), f.Close()); err != nil {
		return err
	}
	return t.Write(os.Stdout)
}
