package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/harness"
	"github.com/mrctl/mrctl/integration/bench/measure"
)

const sectionsPkg = "integration/bench/sections"

// shuffled moves the sections of runs to one reader, against one plain stream. What must be reached is said as a share of
// the stream's speed; the table's ratios are of times.
func shuffled(kind string, must, aim float64) func(context.Context, *kit) (harness.Case, func() error, error) {
	return func(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
		program, err := k.program(ctx, sectionsPkg)
		if err != nil {
			return c, nil, err
		}
		dir := filepath.Join(k.scratch, "runs")
		made := measure.Command{Argv: []string{program, "make", dir, strconv.FormatInt(k.size, 10)}}
		if _, err := measure.Run(ctx, made); err != nil {
			return c, nil, err
		}
		side := func(name, way string) harness.Side {
			return harness.Side{
				Name: name, Command: printing(program, []string{way, kind, dir}, k.env()),
				Answer: func(out string) (d answer.Digest, err error) {
					d, _, err = moved(out)
					return d, err
				},
				Took: func(out string) (time.Duration, error) {
					_, took, err := moved(out)
					return took, err
				},
			}
		}
		return harness.Case{
			Bytes: k.size, Must: 1 / must, Aim: 1 / aim,
			Sides: []harness.Side{side("mrctl", "shuffle"), side("one stream", "stream")},
		}, nil, nil
	}
}

// moved reads what the program sections prints.
func moved(out string) (d answer.Digest, took time.Duration, err error) {
	text, err := os.ReadFile(out)
	if err != nil {
		return d, 0, err
	}
	var bytes int64
	var sum string
	var seconds float64
	if _, err := fmt.Sscanf(string(text), "answer %d %s\nseconds %f\n", &bytes, &sum, &seconds); err != nil {
		return d, 0, fmt.Errorf("%q: %w", text, err)
	}
	d.Add(fmt.Append(nil, bytes, sum))
	return d, time.Duration(seconds * float64(time.Second)), nil
}
