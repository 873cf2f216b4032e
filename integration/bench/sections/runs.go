package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/mrctl/mrctl/worker/runs"
)

const (
	tasks      = 8
	partitions = 8
	keySize    = 10
	valSize    = 90
)

func runPath(dir string, task int) string { return filepath.Join(dir, fmt.Sprintf("run-%d", task)) }

// makeRuns writes one run for each task, about size bytes in all. Keys ascend, values are random.
func makeRuns(dir string, size int64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r := rand.NewChaCha8([32]byte{})
	rows := size / (tasks * partitions * (keySize + valSize))
	for task := range tasks {
		w, err := runs.Create(runPath(dir, task), partitions, runs.Options{Digest: runs.SumPairs})
		if err != nil {
			return err
		}
		p := runs.Pair{Key: make([]byte, keySize), Val: make([]byte, valSize)}
		for p.Part = range partitions {
			for row := range rows {
				binary.BigEndian.PutUint64(p.Key, uint64(row))
				_, _ = r.Read(p.Val) // never fails
				if err := w.Append(&p); err != nil {
					return err
				}
			}
		}
		if _, err := w.Finish(); err != nil {
			return err
		}
	}
	return nil
}

// sections lists where all sections lie, partition by partition, by task in each.
func sections(dir string) (all []runs.Range, total int64, err error) {
	for part := range partitions {
		for task := range tasks {
			f, err := runs.Open(runPath(dir, task))
			if err != nil {
				return nil, 0, err
			}
			s, err := f.Section(part)
			_ = f.Close() // only read
			if err != nil {
				return nil, 0, err
			}
			all = append(all, s)
			total += s.Len
		}
	}
	return all, total, nil
}
