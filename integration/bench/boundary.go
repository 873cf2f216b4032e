package main

import (
	"context"
	"strconv"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/harness"
	"github.com/mrctl/mrctl/integration/bench/measure"
	"github.com/mrctl/mrctl/internal/boundary"
)

// overBoundary moves 16 times the usual size between two processes, in batches of 1 MiB: as worker and plugin do it, one
// way, and as a Unix socket does, the other way. Sums of what arrived are the answers.
func overBoundary(ours, theirs string) func(context.Context, *kit) (harness.Case, func() error, error) {
	return func(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
		program, err := k.program(ctx, "integration/bench/boundary")
		if err != nil {
			return c, nil, err
		}
		batches := max(16*k.size/boundary.BatchSize, 1)
		run := func(way string) func(out string) measure.Command {
			return printing(program, []string{way, strconv.FormatInt(batches, 10)}, k.env())
		}
		return harness.Case{
			Bytes: batches * boundary.BatchSize, Must: 1 / 1.35, Aim: 0.5,
			Sides: []harness.Side{
				{Name: "boundary", Command: run(ours), Answer: answer.Lines},
				{Name: "socket", Command: run(theirs), Answer: answer.Lines},
			},
		}, nil, nil
	}
}
