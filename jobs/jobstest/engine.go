package jobstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
)

// setting is a way to run a job. The zero setting is the plain way: one split, one partition, nothing combined, large
// batches, values as they were emitted.
type setting struct {
	splits     int
	partitions int
	combine    bool
	memory     uint64 // bytes for an attempt; 0: the default
	batch      int    // rows of a batch; 0: all
	order      uint64 // of values: 0 as emitted, reversed, or shuffled by this seed
	retry      bool   // every attempt fails once, half way
	atOnce     bool   // all attempts at the same time
	grpc       bool
	shared     bool // over gRPC: through shared memory
}

const reversed = ^uint64(0)

func (s setting) String() string {
	var parts []string
	add := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.splits > 1, "%d splits", s.splits)
	add(s.partitions > 1, "%d partitions", s.partitions)
	add(s.combine, "combining")
	add(s.memory > 0, "%d bytes of memory", s.memory)
	add(s.batch > 0, "%d rows a batch", s.batch)
	add(s.order == reversed, "values reversed")
	add(s.order != 0 && s.order != reversed, "values shuffled (seed %d)", s.order)
	add(s.retry, "a retry of each attempt")
	add(s.atOnce, "attempts at once")
	add(s.grpc, "gRPC")
	add(s.shared, "shared memory")
	if len(parts) == 0 {
		return "nothing special"
	}
	return strings.Join(parts, ", ")
}

// result is what a run gave.
type result struct {
	rows   []row
	schema *arrow.Schema
	bad    uint64
}

// runner runs attempts of a program: in this process, or over gRPC.
type runner interface {
	mapTask(ctx context.Context, start *pluginv1.MapStart, in []rows.Records) (mapped, error)
	// reduceTask gives the rows of named outputs, and of the result, which it hands to out as well.
	reduceTask(ctx context.Context, start *pluginv1.ReduceStart, in []*boundary.Group, out func(arrow.RecordBatch) error) ([]row, error)
}

// mapped is what a map attempt gave.
type mapped struct {
	pairs    []*boundary.Pairs
	named    []row // of named outputs, where the job only maps
	counters *pluginv1.Counters
}

// run runs the whole job once.
func run(ctx context.Context, p boundary.Program, records [][]byte, s setting) (result, error) {
	if c, ok := p.(*chain); ok {
		return c.run(ctx, records, s)
	}
	return runStage(ctx, p, [][][]byte{records}, s, func(arrow.RecordBatch) error { return nil })
}

// runStage runs a stage over the records of each of its inputs. Its rows are handed to out as well, by one call at a time.
func runStage(ctx context.Context, p boundary.Program, inputs [][][]byte, s setting, out func(arrow.RecordBatch) error) (result, error) {
	if plain, ok := p.(interface{ WithoutCombining() boundary.Program }); ok && !s.combine {
		p = plain.WithoutCombining()
	}
	var r runner = local{p}
	if s.grpc {
		over, err := dial(ctx, p, s)
		if err != nil {
			return result{}, err
		}
		defer over.close()
		r = over
	}
	s.splits, s.partitions = max(s.splits, 1), max(s.partitions, 1)
	if p.Describe().GetMapOnly() {
		s.partitions = 1
	}
	parts, named, bad, err := mapAll(ctx, r, inputs, s)
	if err != nil {
		return result{}, err
	}
	res := result{bad: bad}
	if res.schema, err = codec.UnmarshalSchema(p.Describe().GetOutputSchema()); err != nil {
		return result{}, err
	}
	if p.Describe().GetMapOnly() {
		rec, err := asBatch(p.Describe(), res.schema, parts[0])
		if err == nil {
			err = out(rec)
		}
		if err != nil {
			return result{}, err
		}
		slices.SortStableFunc(named, func(a, b row) int { return strings.Compare(a.output, b.output) }) // each is in order by itself
		res.rows = append(rowsOf(rec), named...)
		return res, nil
	}
	done := make([][]row, len(parts))
	var one sync.Mutex
	err = s.each(len(parts), func(i int) error {
		groups := grouped(parts[i], s.order, s.batch)
		if s.retry {
			_, _ = r.reduceTask(ctx, reduceStart(s), groups, func(arrow.RecordBatch) error { return nil }) // thrown away
		}
		var err error
		done[i], err = r.reduceTask(ctx, reduceStart(s), groups, func(rec arrow.RecordBatch) error {
			one.Lock()
			defer one.Unlock()
			return out(rec)
		})
		return err
	})
	res.rows = slices.Concat(done...)
	slices.SortFunc(res.rows, row.compare)
	return res, err
}

// asBatch makes a batch of the values that a job without keys emits, in the order in which they came, as a worker does.
func asBatch(stage *pluginv1.Stage, schema *arrow.Schema, pairs []pair) (arrow.RecordBatch, error) {
	vals, err := codec.UnmarshalSchema(stage.GetValueSchema())
	if err != nil {
		return nil, err
	}
	dec, err := codec.NewDecoder(vals.Fields())
	if err != nil {
		return nil, err
	}
	b := dec.NewBuilder()
	for _, p := range pairs {
		if err := b.Append(p.val); err != nil {
			return nil, err
		}
	}
	n := b.Len()
	return array.NewRecordBatch(schema, b.Take(nil), int64(n)), nil
}

func reduceStart(s setting) *pluginv1.ReduceStart {
	return &pluginv1.ReduceStart{Id: &pluginv1.TaskID{Job: "laws"}, Partitions: uint32(s.partitions), Memory: s.memory}
}

// pair is an emitted pair on its way from map to reduce.
type pair struct{ key, val []byte }

// mapAll runs the map attempts, one for each split of each input, and gives their pairs by partition, and their rows of named outputs.
func mapAll(ctx context.Context, r runner, inputs [][][]byte, s setting) (parts [][]pair, named []row, bad uint64, err error) {
	parts = make([][]pair, s.partitions)
	maps := make([]mapped, s.splits*len(inputs))
	err = s.each(len(maps), func(i int) error {
		records, n := inputs[i/s.splits], i%s.splits
		split := records[n*len(records)/s.splits : (n+1)*len(records)/s.splits]
		start := &pluginv1.MapStart{
			Id: &pluginv1.TaskID{Job: "laws", Task: uint32(i)}, Partitions: uint32(s.partitions), Memory: s.memory, BadSamples: 1,
			Input: uint32(i / s.splits),
		}
		if s.retry {
			_, _ = r.mapTask(ctx, start, batches(split[:len(split)/2], s.batch)) // thrown away
		}
		var err error
		maps[i], err = r.mapTask(ctx, start, batches(split, s.batch))
		return err
	})
	for _, m := range maps {
		bad += m.counters.GetBadRecords()
		named = append(named, m.named...)
		for _, b := range m.pairs {
			for row := range b.Len() {
				to := codec.Partition(b.Key(row), s.partitions)
				if b.Parts != nil {
					to = int(b.Parts[row])
				}
				parts[to] = append(parts[to], pair{b.Key(row), b.Val(row)})
			}
		}
	}
	return parts, named, bad, err
}

// each calls f for 0 to n-1, at once if the setting says so.
func (s setting) each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		if s.atOnce {
			wg.Go(func() { errs[i] = f(i) })
		} else if errs[i] = f(i); errs[i] != nil {
			break
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// batches makes records into batches of at most size rows, each in memory of its own, which is spoilt by nobody: a job
// may keep its strings.
func batches(records [][]byte, size int) []rows.Records {
	var out []rows.Records
	if size <= 0 {
		size = max(len(records), 1)
	}
	for chunk := range slices.Chunk(records, size) {
		r := rows.Records{Off: []int32{0}}
		for _, rec := range chunk {
			r.Data = append(r.Data, rec...)
			r.Off = append(r.Off, int32(len(r.Data)))
		}
		out = append(out, r)
	}
	return out
}

// grouped sorts pairs by key, the values of a key in the order asked for, and cuts them into batches.
func grouped(pairs []pair, order uint64, size int) []*boundary.Group {
	pairs = slices.Clone(pairs)
	switch order {
	case 0:
	case reversed:
		slices.Reverse(pairs)
	default:
		rng := rand.New(rand.NewPCG(order, order))
		rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return bytes.Compare(a.key, b.key) })
	if size <= 0 {
		size = max(len(pairs), 1)
	}
	var out []*boundary.Group
	var last []byte
	for chunk := range slices.Chunk(pairs, size) {
		g := &boundary.Group{Continues: out != nil && bytes.Equal(last, chunk[0].key)}
		for _, p := range chunk {
			g.Append(p.key, p.val)
		}
		last = chunk[len(chunk)-1].key
		out = append(out, g)
	}
	return out
}

// local runs attempts in this process.
type local struct{ p boundary.Program }

func (l local) mapTask(ctx context.Context, start *pluginv1.MapStart, in []rows.Records) (m mapped, err error) {
	n := -1
	m.counters, err = l.p.Map(ctx, start, boundary.LocalMap{
		Next: func() (*boundary.Input, error) {
			if n++; n >= len(in) {
				return nil, io.EOF
			}
			return &boundary.Input{Number: uint64(n), Records: in[n]}, nil
		},
		Out:   func(b *boundary.Pairs) error { m.pairs = append(m.pairs, b); return nil },
		Named: into(&m.named, l.p.Describe()),
	})
	return m, err
}

func (l local) reduceTask(ctx context.Context, start *pluginv1.ReduceStart, in []*boundary.Group, put func(arrow.RecordBatch) error) (out []row, err error) {
	_, err = l.p.Reduce(ctx, start, boundary.LocalReduce{
		Next: func() (*boundary.Group, error) {
			if len(in) == 0 {
				return nil, io.EOF
			}
			g := in[0]
			in = in[1:]
			return g, nil
		},
		Out:   func(rec arrow.RecordBatch) error { out = append(out, rowsOf(rec)...); return put(rec) },
		Named: into(&out, l.p.Describe()),
	})
	return out, err
}

// into takes rows of named outputs to a list of rows.
func into(to *[]row, stage *pluginv1.Stage) func(output int, rec arrow.RecordBatch) error {
	return func(output int, rec arrow.RecordBatch) error {
		for _, r := range rowsOf(rec) {
			r.output = stage.GetOutputs()[output].GetName()
			*to = append(*to, r)
		}
		return nil
	}
}
