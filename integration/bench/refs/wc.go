package main

import (
	"bufio"
	"errors"
	"os"
	"runtime"
	"strconv"

	"github.com/mrctl/mrctl/integration/bench/refs/wordcount"
)

func wcNaive(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	counts, err := wordcount.Naive(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	w := bufio.NewWriter(os.Stdout)
	for word, n := range counts {
		_, _ = w.WriteString(word + "\t" + strconv.FormatInt(n, 10) + "\n") // Flush reports it
	}
	return w.Flush()
}

func wcFast(path string) error { return wcThreads(path, 1) }

func wcAllThreads(path string) error { return wcThreads(path, runtime.GOMAXPROCS(0)) }

func wcThreads(path string, threads int) error {
	c, err := wordcount.CountFile(path, threads, true)
	if err != nil {
		return err
	}
	return c.Write(os.Stdout)
}
