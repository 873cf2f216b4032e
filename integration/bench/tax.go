package main

import (
	"context"
	"strconv"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/gen"
	"github.com/mrctl/mrctl/integration/bench/harness"
)

// tax compares word count with its twin whose functions run in the worker's own process.
func tax(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	text, err := k.data(ctx, gen.Text, k.size)
	if err != nil {
		return c, nil, err
	}
	twin, err := k.program(ctx, "integration/bench/twin")
	if err != nil {
		return c, nil, err
	}
	s := sides{ctx: ctx, k: k}
	s.mrctl("mrctl", "examples/wordcount", text)
	args := []string{"-memory", strconv.FormatInt(k.memoryBytes(), 10), "-slots", strconv.Itoa(k.slots), "-o", outArg, text}
	s.add("in process", "", printing(twin, args, k.env()), nil)
	return harness.Case{Bytes: k.size, Inputs: []string{text}, Must: 1.15, Diff: answer.Diff, Sides: s.all}, nil, s.err
}
