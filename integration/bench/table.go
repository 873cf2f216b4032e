package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/gen"
	"github.com/mrctl/mrctl/integration/bench/harness"
)

// entry is a case that can be asked for.
type entry struct {
	name  string
	row   int // in the table of what must be reached; 0: not there
	title string
	slow  bool // only when asked for by name, or with all
	// build makes the case, its data and its programs. done, which may be nil, ends what build started.
	build func(ctx context.Context, k *kit) (c harness.Case, done func() error, err error)
}

// table lists all cases. Row 14 of the table of what must be reached, allocations, is tests beside the code they measure.
var table = []entry{
	{"start", 0, "a job of one line, from start to end", false, start},
	{"start-cluster", 0, "the same submitted to an idle cluster", false, startCluster},
	{"wc-words", 1, "word count with the SDK's own word iterator", false, words("examples/wordcount", 0.95, 0.80)},
	{"wc-fields", 2, "word count with strings.FieldsSeq", false, words("integration/bench/plugins/fields", 1.15, 1.00)},
	{"wc-ready", 3, "word count with the ready-made job (jobs.WordCounts)", false, words("integration/bench/plugins/ready", 0.80, 0.68)},
	{"wc-batch", 3, "word count a batch at a time (MapBatch)", false, words("integration/bench/plugins/batch", 0.80, 0.68)},
	{"tax", 4, "word count with the job in a process of its own against the same in the worker's", false, tax},
	{"logs", 5, "access log, hits and bytes by status and path, a plugin written for it", false, logs},
	{"sort", 6, "sort of 100-byte records to 8 parts", false, sortRecords(1)},
	{"sort-large", 7, "the same, eight times as much with the same memory", true, sortRecords(large)},
	{"boundary-down", 8, "1 MiB batches to another process that looks at them where they lie, against a Unix socket", false, overBoundary("down-in-place", "socket")},
	{"boundary-up", 8, "the same from the plugin, copied out before they are looked at", false, overBoundary("up", "socket")},
	{"boundary-keep", 8, "down again, into memory that strings may point into for ever, on both sides", false, overBoundary("down", "socket-keep")},
	{"shuffle", 9, "sections of runs through the shuffle against one TCP stream", false, shuffled("tcp", 0.45, 0.70)},
	{"shuffle-tls", 9, "the same with TLS 1.3", false, shuffled("tls", 0.65, 0.80)},
	{"tiny", 10, "word count of 64 MB in 20,000 files against one file", false, tiny},
	{"blocks", 11, "sort through 64x64 blocks against 8x8 of the same bytes", false, blocks},
	{"skew", 12, "groups, one key with 30 % of the rows against uniform keys", false, skew},
	{"memory-input", 0, "memory alone: a sort of 20 times -memory", true, watchedInput},
	{"memory-keys", 0, "memory alone: 10 million distinct keys, fewer with less than 240 MB", true, watchedKeys},
	{"memory-group", 0, "memory alone: one group of 4 times -memory through the job's Reduce", true, watchedGroup},
	{"memory-rows", 0, "memory alone: rows of 500 KB, 4 times -memory in all", true, watchedRows},
	{"s3", 13, "word count from S3 on loopback and back against folders", false, overS3},
}

// times is how often the usual size a case's input is.
func (e entry) times() int64 {
	if e.name == "sort-large" {
		return large
	}
	return 1
}

// start is over before anything but starting and ending takes time.
func start(ctx context.Context, k *kit) (harness.Case, func() error, error) {
	input := filepath.Join(k.scratch, "line.txt")
	if err := writeFile(input, "one line\n"); err != nil {
		return harness.Case{}, nil, err
	}
	ours, err := k.mrctlRun(ctx, "examples/wordcount", input)
	return harness.Case{
		Sides: []harness.Side{{Name: "mrctl", Command: ours, Answer: answer.Lines}},
		Limit: 80 * time.Millisecond,
	}, nil, err
}

// words counts words with one of several plugins against the best program of one thread.
func words(plugin string, must, aim float64) func(context.Context, *kit) (harness.Case, func() error, error) {
	return func(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
		text, err := k.data(ctx, gen.Text, k.size)
		if err != nil {
			return c, nil, err
		}
		s := sides{ctx: ctx, k: k}
		s.mrctl("mrctl", plugin, text)
		s.refs("one thread", 1, "wc", "fast", text)
		s.refs("all threads", k.slots, "wc", "threads", text)
		s.slow("naive Go", func() { s.refs("naive Go", k.slots, "wc", "naive", text) })
		s.slow("mawk", func() { s.tool("mawk", `{for(i=1;i<=NF;i++)c[$i]++}END{for(w in c)print w"\t"c[w]}`, text) })
		s.slow("duckdb", func() {
			s.duck(`SELECT w, count(*) FROM (SELECT unnest(string_split(line, ' ')) AS w FROM lines) WHERE w <> '' GROUP BY w`, text)
		})
		c = harness.Case{Bytes: k.size, Inputs: []string{text}, Must: must, Aim: aim, Memory: k.memoryBytes(), Diff: answer.Diff, Sides: s.all}
		return c, nil, s.err
	}
}

func logs(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	log, err := k.data(ctx, gen.Logs, k.size)
	if err != nil {
		return c, nil, err
	}
	s := sides{ctx: ctx, k: k}
	s.mrctl("mrctl", "integration/bench/plugins/hits", log)
	s.refs("one thread", 1, "logs", "fast", log)
	s.slow("naive Go", func() { s.refs("naive Go", k.slots, "logs", "naive", log) })
	s.slow("mawk", func() {
		s.tool("mawk", `{k=$9"\t"$7;c[k]++;s[k]+=$10}END{for(k in c)printf "%s\t%d\t%.0f\n",k,c[k],s[k]}`, log)
	})
	s.duck(`SELECT f[9], f[7], count(*), sum(f[10]::BIGINT) FROM (SELECT string_split(line, ' ') AS f FROM lines) GROUP BY ALL`, log)
	return harness.Case{
		Bytes: k.size, Inputs: []string{log}, Must: 1.50, Aim: 1.10, Memory: k.memoryBytes(), Diff: answer.Diff, Sides: s.all,
	}, nil, s.err
}

// tiny compares the cost of many files with that of one.
func tiny(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	size := min(64_000_000, k.size)
	dir, err := k.data(ctx, gen.Tiny, size)
	if err != nil {
		return c, nil, err
	}
	whole := filepath.Join(dir, "whole.txt")
	s := sides{ctx: ctx, k: k}
	s.mrctl("20,000 files", "examples/wordcount", filepath.Join(dir, "files"))
	s.mrctl("one file", "examples/wordcount", whole)
	return harness.Case{Bytes: size, Inputs: []string{whole}, Must: 1.5, Diff: answer.Diff, Sides: s.all}, nil, s.err
}

// skew compares a job whose one reducer has most of the work with one whose reducers share it.
func skew(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	skewed, err := k.data(ctx, gen.Skewed, k.size)
	if err != nil {
		return c, nil, err
	}
	uniform, err := k.data(ctx, gen.Uniform, k.size)
	if err != nil {
		return c, nil, err
	}
	s := sides{ctx: ctx, k: k}
	s.mrctl("one heavy key", "integration/bench/plugins/groups", skewed, "--partitions", "8")
	s.mrctl("uniform keys", "integration/bench/plugins/groups", uniform, "--partitions", "8")
	// Their answers differ, so each is held against a plain program's.
	for i, input := range []string{skewed, uniform} {
		if s.err == nil {
			s.all[i].Answer = k.equalTo(ctx, "groups", input)
		}
	}
	return harness.Case{Bytes: k.size, Inputs: []string{skewed, uniform}, Must: 1.5, Memory: k.memoryBytes(), Sides: s.all}, nil, s.err
}
