// Package reduceside runs reduce attempts: its partition of every map run is fetched, merged in key order, reduced, and
// written to a staged part.
//
//	Sources -> fetch (whole) -> merge, in passes where needed -> fold known to the engine ------------> columns -> part
//	                                                         |-> groups -> plugin -> rows of the result -> part
//	                                                         \-> records of an identity map ---> part
//
// An attempt may begin while maps still run: it fetches what its Sources name, and waits for the leader to add the rest.
// Of more runs than one merge reads, those that have landed are merged into fewer meanwhile. The last merge begins when
// everything has landed; no merge ever reads from the wire, and no fetch waits for a merge. A group is as large as it likes:
// it streams from the merge to the plugin in batches, or is folded on the way. Rows come back on a goroutine of their own.
//
// Memory: of Task.Memory, W is the worker's: one half where the plugin reduces (which is told that it may hold the other),
// all of it where the engine does. 1/2 W is for sections landed in memory, 1/4 W for reading the rest in a merge, 1/8 W for
// writing passes (two blocks of W/16, at most 256 KiB), 1/24 W, at most 2 MiB, for the batch being gathered. A single pair
// larger than its share goes through alone and over the budget. Batches on their way to and from the plugin belong to its
// transport, output buffers to the part's writer.
package reduceside

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"go.uber.org/zap"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/shuffle"
	"github.com/mrctl/mrctl/worker/table"
)

// Reducer is one reduce stream to the plugin. Send and CloseSend are used by one goroutine, Recv by another.
type Reducer interface {
	// Send sends rows in key order and keeps nothing of the batch; continues says that its first key is the last one sent
	// before. io.EOF means that the stream has ended and Recv knows why.
	Send(ctx context.Context, b *rows.Batch, continues bool) error
	CloseSend() error
	table.NamedSource
	// Recv gives the next rows of the result, which the caller releases, and io.EOF at the good end.
	Recv() (arrow.RecordBatch, error)
	// Counters is what the plugin counted; valid after io.EOF.
	Counters() *pluginv1.Counters
}

// Fetcher lands sections; *shuffle.Client is one.
type Fetcher interface {
	Fetch(ctx context.Context, req shuffle.Request) (shuffle.Fetched, error)
}

// Task is one reduce attempt; its ID's task is the partition.
type Task struct {
	ID         *sessionv1.AttemptID
	Job        spec.Job
	Stage      *pluginv1.Stage
	Sources    *Sources   // where its runs lie; may grow while it runs
	Span       *runs.Span // the keys that are its partition, where the runs are ordered ones
	Partitions int
	Memory     int64          // bytes; see the package comment
	Scratch    string         // a folder of the attempt's own; made when needed, gone afterwards
	FanIn      int            // sections in one merge; 0: runs.DefaultFanIn
	Budget     *budget.Budget // counts the worker's buffers; nil: nobody looks
}

// Deps is what a task is run with. Reduce is needed only by stages that reduce in the plugin; Log and Progress are optional.
type Deps struct {
	Fetch Fetcher
	// Reduce starts a stream, which ends when ctx does.
	Reduce func(ctx context.Context, start *pluginv1.ReduceStart) (Reducer, error)
	// Part opens the attempt's part, Named that of a named output.
	Part  func(ctx context.Context, schema *arrow.Schema) (table.PartWriter, error)
	Named func(ctx context.Context, output int, schema *arrow.Schema) (table.PartWriter, error)
	Log   *zap.Logger
	// Progress is told the rows merged and the bytes fetched so far.
	Progress func(records, bytes int64)
	// Total, which may be nil, is told the rows there are to merge, once all are here.
	Total func(records int64)
}

// Input says what of a map task was consumed.
type Input struct {
	Task, Attempt uint32
	Output        []byte      // the digest of the whole attempt, as the leader told it
	Digest        runs.Digest // of this attempt's partition
}

// Result is what a good attempt leaves beside its staged part.
type Result struct {
	Inputs []Input // by task
	Tally  *sessionv1.Tally
}

// Run runs a reduce attempt and stages its part. Runs that cannot be had are reported in a *shuffle.MissingError; errors
// of the job's own code are UserCode, those of disks Unavailable. After an error the part is aborted. Scratch is gone in
// any case.
func Run(ctx context.Context, t Task, d Deps) (res Result, err error) {
	began := time.Now()
	if d.Log == nil {
		d.Log = zap.NewNop()
	}
	defer func() {
		if rmErr := os.RemoveAll(t.Scratch); rmErr != nil {
			d.Log.Warn("scratch left behind", zap.String("path", t.Scratch), zap.Error(rmErr)) // swept with the job's
		}
	}()
	r, err := newReduction(ctx, &t, &d)
	if err != nil {
		return Result{}, err
	}
	g := newGathering(r)
	ranges, err := g.run(ctx)
	if err != nil {
		return Result{}, blame(err, g.names)
	}
	if res.Inputs, err = g.inputs(); err != nil {
		return Result{}, err
	}
	r.total(ranges)
	if err := r.reduce(ctx, ranges, g.merger); err != nil {
		return Result{}, blame(err, g.names)
	}
	r.tally.Nanos = time.Since(began).Nanoseconds()
	res.Tally = r.tally
	return res, nil
}

// reduction is one attempt under way.
type reduction struct {
	t      *Task
	d      *Deps
	fold   runs.FoldFunc // nil: the engine cannot fold
	plugin bool          // the plugin reduces
	memory int64         // W
	tally  *sessionv1.Tally
	merged int64
}

func newReduction(ctx context.Context, t *Task, d *Deps) (*reduction, error) {
	r := &reduction{t: t, d: d, memory: t.Memory, tally: &sessionv1.Tally{}}
	kind := t.Stage.GetFold()
	if kind != pluginv1.Stage_FOLD_UNSPECIFIED {
		val, err := table.Fields(t.Stage.GetValueSchema())
		if err != nil {
			return nil, err
		}
		r.fold, _, _ = codec.FoldFor(kind, val)
	}
	r.plugin = t.Stage.GetHasReduce() || kind != pluginv1.Stage_FOLD_UNSPECIFIED && r.fold == nil
	if r.plugin {
		r.memory /= 2
	}
	return r, context.Cause(ctx)
}

// total tells how many rows there are to merge.
func (r *reduction) total(ranges []runs.Range) {
	if r.d.Total == nil {
		return
	}
	var n int64
	for _, x := range ranges {
		n += x.Rows
	}
	r.d.Total(n)
}

// merger merges this attempt's runs, within its share of W.
func (r *reduction) merger() *runs.Merger {
	w := r.memory
	return &runs.Merger{
		Dir: r.t.Scratch, Partitions: r.t.Partitions, FanIn: r.t.FanIn, Limit: w / 4, Fold: r.fold, Memory: r.t.Budget,
		Write: runs.Options{Block: int(min(max(w/16, 1<<10), runs.BlockSize))},
	}
}

// reduce merges the ranges into the part. It takes them over.
func (r *reduction) reduce(ctx context.Context, ranges []runs.Range, m *runs.Merger) (err error) {
	in, closeMerge, err := m.Open(ctx, ranges)
	if err != nil {
		return err
	}
	defer closeMerge()
	schema, err := r.schema()
	if err != nil {
		return err
	}
	part, err := r.d.Part(ctx, schema)
	if err != nil {
		return err
	}
	var named *table.Named
	defer func() {
		if err != nil {
			part.Abort()
			named.Abort()
		}
	}()
	if named, err = table.OpenNamed(ctx, r.t.Stage, r.d.Named); err != nil {
		return err
	}
	switch {
	case r.plugin:
		err = r.throughPlugin(ctx, in, part, named)
	case r.t.Stage.GetIdentity():
		err = r.asRecords(ctx, in, part)
	default:
		err = r.asTheyAre(ctx, in, part)
	}
	if err != nil {
		return err
	}
	r.tally.RecordsIn = uint64(r.merged)
	r.tally.SpilledBytes += uint64(m.Spilled)
	if err := named.Stage(ctx); err != nil {
		return err
	}
	return part.Stage(ctx)
}

// schema is the columns of the result.
func (r *reduction) schema() (*arrow.Schema, error) {
	if r.plugin && len(r.t.Stage.GetOutputSchema()) > 0 {
		fields, err := table.Fields(r.t.Stage.GetOutputSchema())
		if err != nil {
			return nil, err
		}
		return arrow.NewSchema(fields, nil), nil
	}
	return table.Schema(r.t.Stage)
}

// batch is the bytes of pairs gathered at a time; the buffers that gather them grow to twice that. It fits in a segment of
// an attempt with this memory.
func (r *reduction) batch() int { return int(min(max(r.memory/48, 1<<10), 1<<20)) }

// asTheyAre writes pairs, folded or not, as rows of the result.
func (r *reduction) asTheyAre(ctx context.Context, in runs.Stream, part table.PartWriter) error {
	cols, err := table.NewColumns(r.t.Stage, part, r.batch())
	if err != nil {
		return err
	}
	for {
		p, err := r.next(ctx, in)
		if err != nil {
			return err
		}
		if p == nil {
			break
		}
		if err := cols.Append(p.Key, p.Val); err != nil {
			return err
		}
	}
	if err := cols.Flush(); err != nil {
		return err
	}
	r.tally.RowsOut = uint64(cols.Rows())
	return nil
}

// next takes one pair off the merge.
func (r *reduction) next(ctx context.Context, in runs.Stream) (*runs.Pair, error) {
	if r.merged&0xfff == 0 {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if r.d.Progress != nil {
			r.d.Progress(r.merged, int64(r.tally.ShuffledBytes))
		}
	}
	p, err := in.Next()
	if err != nil {
		return nil, err
	}
	if p != nil {
		if p.Part != int(r.t.ID.GetTask()) {
			return nil, errs.New(errs.Corrupt, "a pair of partition %d in partition %d", p.Part, r.t.ID.GetTask())
		}
		r.merged++
	}
	return p, nil
}

// blame turns a failure to read one of this worker's own runs into a report that the run is gone. Landed sections were
// whole when they landed: if they are not now, this worker is at fault, and its attempt may go elsewhere.
func blame(err error, sections []shuffle.Landed) error {
	path := ""
	var c *runs.CorruptError
	var e *errs.Error
	switch {
	case errors.As(err, &c):
		path = c.Name
	case errors.As(err, &e) && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EIO)):
		path = e.On
	}
	for _, s := range sections {
		if s.Local && path != "" && s.Range.Path == path {
			return &shuffle.MissingError{Runs: []shuffle.Missing{{Worker: s.Worker, Task: s.Task, Attempt: s.Attempt, Why: err.Error()}}}
		}
	}
	if c != nil {
		return errs.E(errs.Unavailable, "merge", "what this worker had fetched", err)
	}
	return err
}

// last remembers the last key that was sent.
type last struct {
	key []byte
	any bool
}

func (l *last) set(key []byte) { l.key, l.any = append(l.key[:0], key...), true }

func (l *last) is(key []byte) bool { return l.any && bytes.Equal(l.key, key) }
