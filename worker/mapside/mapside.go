// Package mapside runs map attempts: records to the plugin, pairs back, partitioned, sorted, spilled, and merged into
// one run a task, or written to a part where the job has no reduce.
//
//	Open -> feed -> Mapper -> receive -> collector (sorter -> spills -> merge) -> run
//	             \-> identity -------> (two sorters in turn)  /
//
// Where the map is known to be the identity no plugin is called: records become pairs here, see identity.
//
// Records go down on one goroutine and pairs are drained on another. Neither waits for the other but through the plugin,
// and collecting waits for the disk alone, so that a plugin blocked on sending is always heard.
//
// Memory: of Task.Memory the plugin is told it may hold one half. The other half, W, is the worker's: 3/4 W for sorting
// (pairs, index and the room to sort it) while pairs come, and for reading spills when they are merged; 1/4 W for writing
// (two runs at a time, each of two blocks of W/16, at most 256 KiB). A single pair larger than its share goes through
// alone and over the budget. Batches on their way to and from the plugin belong to its transport, which bounds them.
// Without a plugin W is all of Task.Memory, and 7/8 of it is for sorting, half of that to be filled while the other half
// is written; two batches from the input come on top.
package mapside

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"go.uber.org/zap"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/cuts"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/worker/duplex"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/suspect"
	"github.com/mrctl/mrctl/worker/table"
)

// maxBadSamples is how many bad records an attempt describes; the rest are counted.
const maxBadSamples = 10

// taker is where the records of a split go. It is used by one goroutine.
type taker interface {
	// Buffer gives an empty batch whose Data has room for n bytes, in the transport's memory. nil: nobody wants more.
	Buffer(n int) *rows.Records
	// Send hands a batch over. io.EOF means that the stream has ended and Recv knows why.
	Send(ctx context.Context, batch *rows.Records) error
	CloseSend() error
}

// Mapper is one map stream to the plugin. What sends is used by one goroutine, Recv by another.
type Mapper interface {
	taker
	// Recv gives the next batch, valid until the next call, and io.EOF at the good end. Its offsets have been checked to
	// lie in its data.
	Recv() (*boundary.Pairs, error)
	// Counters is what the plugin counted; valid after io.EOF.
	Counters() *pluginv1.Counters
	table.NamedSource
}

// locator is a Mapper that remembers where the records it sent came from: exactly, or at least in words.
type locator interface {
	Place(batch, row uint64) (object string, off int64, ok bool)
	Where(batch, row uint64) string
}

// reporter is a Mapper that tells of bad records as they come.
type reporter interface {
	OnBad(func([]*pluginv1.BadRecord))
}

// Records gives the input of a task. It is used by one goroutine.
type Records interface {
	Next(ctx context.Context) (*rows.Records, error) // io.EOF at the end
	Read() int64                                     // bytes of input done
	Close() error
}

// divisible are Records that may be left to others from where they are: see dataset.Reader.Place.
type divisible interface {
	Place() (at dataset.Place, read int64, ok bool)
}

// Task is one map attempt.
type Task struct {
	ID         *sessionv1.AttemptID
	Job        spec.Job
	Stage      *pluginv1.Stage
	Input      int            // which of the stage's inputs the records are of
	Partitions int            // 0: map only, the pairs are the result
	Ordered    int            // so many reduces read ranges of keys, of a run without partitions; 0: Partitions says all
	Maps       int            // map tasks in all, whose runs a reduce merges; 0: nobody knows
	Memory     int64          // bytes; see the package comment
	Scratch    string         // a folder of the attempt's own; made when needed, gone after a failure
	FanIn      int            // spills in one merge; 0: runs.DefaultFanIn
	Codec      runs.Codec     // of the final run
	Budget     *budget.Budget // counts the worker's buffers; nil: nobody looks
	// Skip are records known to kill the plugin, by ascending ordinal: they are bad, and not sent.
	Skip []suspect.Found
}

// Deps is what a task is run with. All but Log and Progress are required.
type Deps struct {
	// Open starts reading the task's split into buffers of buffer; onBad is told of records too bad to send.
	Open func(ctx context.Context, buffer func(n int) *rows.Records, onBad func(object string, off int64, record []byte, err error)) (Records, error)
	// Map starts a stream, which ends when ctx does. It is not called where the map is the identity.
	Map func(ctx context.Context, start *pluginv1.MapStart) (Mapper, error)
	// Part opens the part of a map-only task, Named that of a named output.
	Part  func(ctx context.Context, schema *arrow.Schema) (table.PartWriter, error)
	Named func(ctx context.Context, output int, schema *arrow.Schema) (table.PartWriter, error)
	Log   *zap.Logger
	// Bad is told of every bad record, from several goroutines. nil: samples in the tally are enough.
	Bad func(*sessionv1.BadSample)
	// Yield reports, between two batches, whether the attempt is to end there, so that others may do the rest. nil: never.
	Yield func() bool
	// Progress is told what has been sent to the plugin so far.
	Progress func(records, bytes int64)
}

// Result is what a good attempt leaves: a run in its scratch, or a staged part.
type Result struct {
	RunPath string // "" of a map-only task
	Digest  runs.Digest
	Sample  cuts.Sample // of an ordered run
	Tally   *sessionv1.Tally
	End     dataset.Place // where it ended before the end of its input; zero: it did not
}

// sink takes the pairs of an attempt. Exactly one of finish and abort ends it.
type sink interface {
	add(ctx context.Context, b *boundary.Pairs) error
	finish(ctx context.Context, res *Result) error
	abort()
}

// Run runs a map attempt. After an error nothing of it is left. Errors of the job's own code, or of what its plugin
// sends, are UserCode; those of disks are Unavailable; those of input keep their kind.
func Run(ctx context.Context, t Task, d Deps) (res Result, err error) {
	began := time.Now()
	if d.Log == nil {
		d.Log = zap.NewNop()
	}
	if t.Ordered > 0 {
		t.Partitions = 1 // everywhere but in the run that is left
	}
	direct, err := isIdentity(&t)
	if err != nil {
		return Result{}, err
	}
	var s sink
	if t.Partitions > 0 {
		s, err = newCollector(&t, direct)
	} else {
		s, err = newPartSink(ctx, &t, &d)
	}
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if err == nil {
			return
		}
		s.abort()
		if rmErr := os.RemoveAll(t.Scratch); rmErr != nil {
			d.Log.Warn("scratch left behind", zap.String("path", t.Scratch), zap.Error(rmErr)) // swept with the job's
		}
		res = Result{}
	}()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := &feeder{d: &d, tally: &sessionv1.Tally{}, skip: t.Skip}
	if direct {
		err = f.sort(ctx, &t, s.(*collector))
	} else {
		err = f.throughPlugin(ctx, cancel, &t, s)
	}
	if err == nil {
		err = tooBad(&t, f.tally)
	}
	if err != nil {
		return Result{}, err
	}
	res.Tally, res.End = f.tally, f.end
	if err := s.finish(ctx, &res); err != nil {
		return Result{}, err
	}
	res.Tally.Nanos = time.Since(began).Nanoseconds()
	return res, nil
}

// TaskID is what a plugin is told of an attempt's name.
func TaskID(id *sessionv1.AttemptID) *pluginv1.TaskID {
	return &pluginv1.TaskID{Job: id.GetJob(), Stage: id.GetStage(), Task: id.GetTask(), Attempt: id.GetAttempt()}
}

// throughPlugin sends the records to the plugin and collects its pairs.
func (f *feeder) throughPlugin(ctx context.Context, cancel context.CancelCauseFunc, t *Task, s sink) error {
	m, err := f.d.Map(ctx, &pluginv1.MapStart{
		Id:         TaskID(t.ID),
		Partitions: uint32(t.Partitions), Memory: uint64(t.Memory / 2), BadSamples: maxBadSamples,
		ProgressNanos: int64(t.Job.RecordTimeout / 4), ReportBad: f.d.Bad != nil, Input: uint32(t.Input),
	})
	if err != nil {
		return err
	}
	if p, ok := s.(*partSink); ok {
		if err := p.named.Take(t.Stage, m); err != nil {
			return err
		}
	}
	f.to = m
	f.hear(m)
	v := &vigil{f: f, limit: t.Job.RecordTimeout}
	defer v.keep(ctx, cancel, m)()
	send := func() error { return f.run(ctx) }
	if err := duplex.Run(ctx, cancel, send, func() error { return receive(ctx, m, s, v) }); err != nil {
		return err
	}
	count(m, f.tally)
	return nil
}

// sort collects the records themselves.
func (f *feeder) sort(ctx context.Context, t *Task, c *collector) (err error) {
	m := &identity{c: c, f: f}
	if m.key, err = t.Job.KeyBytes(); err != nil {
		return err
	}
	f.to = m
	if err := f.run(ctx); err != nil {
		return err
	}
	f.tally.PairsOut = f.tally.RecordsIn - m.without
	return nil
}

// receive drains the plugin.
func receive(ctx context.Context, m Mapper, s sink, v *vigil) error {
	for {
		v.waiting.Store(true)
		b, err := m.Recv()
		v.waiting.Store(false)
		if err == io.EOF { // a wrapped EOF is a stream cut short, not its end
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.add(ctx, b); err != nil {
			return err
		}
	}
}

// count adds the plugin's counters to the tally.
func count(m Mapper, tally *sessionv1.Tally) {
	c := m.Counters()
	tally.PairsOut, tally.User = c.GetPairsOut(), c.GetUser()
	tally.BadRecords += c.GetBadRecords()
	for _, b := range c.GetBadSamples() {
		if len(tally.BadSamples) >= maxBadSamples {
			break
		}
		tally.BadSamples = append(tally.BadSamples, placed(m, b))
	}
}

// placed is a bad record of the plugin's with its place: exact, or in words where only those are known.
func placed(m Mapper, b *pluginv1.BadRecord) *sessionv1.BadSample {
	s := &sessionv1.BadSample{Error: b.GetError(), Record: b.GetRecord()}
	where, ok := m.(locator)
	if !ok {
		return s
	}
	object, off, ok := where.Place(b.GetBatch(), b.GetRow())
	if !ok {
		s.Error = where.Where(b.GetBatch(), b.GetRow()) + ": " + s.Error
		return s
	}
	s.Object, s.Offset = object, uint64(off)
	return s
}

// tooBad holds the attempt to the job's limit of bad records.
func tooBad(t *Task, tally *sessionv1.Tally) error {
	if limit := t.Job.MaxBadRecords; limit >= 0 && tally.BadRecords > uint64(limit) {
		text := fmt.Sprintf("%d bad records, %d are allowed", tally.BadRecords, limit)
		if len(tally.BadSamples) > 0 {
			s := tally.BadSamples[0]
			text += "; one is "
			if s.Object != "" {
				text += fmt.Sprintf("%s at byte %d: ", s.Object, s.Offset)
			}
			text += s.Error
		}
		return errs.New(errs.Invalid, "%s", text) // another attempt would find the same
	}
	return nil
}
