package main

import (
	"context"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/gen"
	"github.com/mrctl/mrctl/integration/bench/harness"
)

// The cases that only look at memory. Their inputs follow from -memory, and their answers are held against plain programs,
// as those of the others.

// allKeys is how many distinct keys memory-keys has, where memory is as large as is usual.
const allKeys = 10_000_000

// watchedInput sorts 20 times as much as memory.
func watchedInput(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	size := 20 * k.memoryBytes() / gen.RecordSize * gen.RecordSize
	input, err := k.data(ctx, gen.Printable, size)
	if err != nil {
		return c, nil, err
	}
	ours, err := k.mrctlRun(ctx, sortPlugin, input, sortFlags(8)...)
	if err != nil {
		return c, nil, err
	}
	memory, err := k.refs(ctx, 1, "sort", input, outArg)
	return harness.Case{
		Bytes: size, Memory: k.memoryBytes(), Watched: true,
		Sides: []harness.Side{{Name: "mrctl", Command: ours, Answer: sorted}, {Name: "in memory", Command: memory, Answer: sorted}},
	}, nil, err
}

// watchedKeys counts words of which none comes twice.
func watchedKeys(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	keys := min(k.memoryBytes()/24, allKeys)
	input, err := k.data(ctx, gen.Distinct, keys*gen.DistinctSize)
	if err != nil {
		return c, nil, err
	}
	s := sides{ctx: ctx, k: k}
	s.mrctl("mrctl", "examples/wordcount", input)
	s.refs("in memory", 1, "wc", "fast", input)
	return harness.Case{Bytes: keys * gen.DistinctSize, Memory: k.memoryBytes(), Watched: true, Diff: answer.Diff, Sides: s.all}, nil, s.err
}

// watchedGroup has one group with four times as many bytes as memory, which the job's own Reduce walks through.
func watchedGroup(ctx context.Context, k *kit) (harness.Case, func() error, error) {
	return k.watchedGroups(ctx, gen.Skewed, 14*k.memoryBytes())
}

// watchedRows has rows of half a million bytes.
func watchedRows(ctx context.Context, k *kit) (harness.Case, func() error, error) {
	return k.watchedGroups(ctx, gen.Long, 4*k.memoryBytes())
}

func (k *kit) watchedGroups(ctx context.Context, kind gen.Kind, size int64) (c harness.Case, done func() error, err error) {
	input, err := k.data(ctx, kind, size)
	if err != nil {
		return c, nil, err
	}
	s := sides{ctx: ctx, k: k}
	s.mrctl("mrctl", "integration/bench/plugins/groups", input)
	s.refs("plain", 1, "groups", input)
	return harness.Case{Bytes: size, Memory: k.memoryBytes(), Watched: true, Diff: answer.Diff, Sides: s.all}, nil, s.err
}
