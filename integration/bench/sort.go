package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/gen"
	"github.com/mrctl/mrctl/integration/bench/harness"
	"github.com/mrctl/mrctl/integration/bench/measure"
)

// large is how often the usual size the input of sort-large is.
const large = 8

const sortPlugin = "integration/bench/plugins/sort"

// sortFlags make a sort of records of a job.
func sortFlags(partitions int64) []string {
	return []string{
		"--input-format", fmt.Sprintf("records:%d", gen.RecordSize), "--output-format", "records",
		"--key-bytes", fmt.Sprintf("0:%d", gen.KeySize), "--partitions", strconv.FormatInt(partitions, 10),
	}
}

func sorted(out string) (answer.Digest, error) {
	return answer.Sorted(out, gen.RecordSize, gen.KeySize)
}

// sortRecords sorts printable records, as GNU sort sorts lines, some times the usual size.
func sortRecords(times int64) func(context.Context, *kit) (harness.Case, func() error, error) {
	return func(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
		size := times * k.size / gen.RecordSize * gen.RecordSize
		input, err := k.data(ctx, gen.Printable, size)
		if err != nil {
			return c, nil, err
		}
		ours, err := k.mrctlRun(ctx, sortPlugin, input, sortFlags(8)...)
		if err != nil {
			return c, nil, err
		}
		gnu, missing := tool("sort")
		c = harness.Case{
			Bytes: size, Inputs: []string{input}, Must: 0.45, Aim: 0.30, Memory: k.memoryBytes(),
			Sides: []harness.Side{
				{Name: "mrctl", Command: ours, Answer: sorted},
				{Name: "GNU sort", Missing: missing, Answer: sorted, Command: printing(gnu, []string{
					"--parallel=2", "-S", strconv.FormatInt(k.memoryBytes()>>10, 10) + "K", "-o", outArg, input,
				}, k.env())},
			},
		}
		if times > 1 {
			c.Must, c.Aim = 0.60, 0
			return c, nil, nil
		}
		memory, err := k.refs(ctx, 1, "sort", input, outArg)
		c.Sides = append(c.Sides, harness.Side{Name: "in memory, one thread", Command: memory, Answer: sorted})
		return c, nil, err
	}
}

// blocks sends the same bytes through the shuffle in 4096 blocks and in 64.
func blocks(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	size := k.size / gen.RecordSize * gen.RecordSize
	input, err := k.data(ctx, gen.Records, size)
	if err != nil {
		return c, nil, err
	}
	run := func(n int64) (func(string) measure.Command, error) {
		return k.mrctlRun(ctx, sortPlugin, input, append(sortFlags(n), "--split-size", strconv.FormatInt((size+n-1)/n, 10))...)
	}
	small, err := run(64)
	if err != nil {
		return c, nil, err
	}
	large, err := run(8)
	return harness.Case{
		Bytes: size, Inputs: []string{input}, Must: 1.15, Memory: k.memoryBytes(),
		Sides: []harness.Side{{Name: "64x64", Command: small, Answer: sorted}, {Name: "8x8", Command: large, Answer: sorted}},
	}, nil, err
}
