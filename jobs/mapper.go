package jobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
)

// defaultMemory is what an attempt may hold when the worker does not say.
const defaultMemory = 64 << 20

// mapAttempt is the state of one map attempt.
type mapAttempt[In, K, V, Out any] struct {
	*program[In, K, V, Out]
	ctx     context.Context
	tally   tally
	e       *emitter[V]
	add     func(key string, v V)
	emit    func(K, V)
	outs    *outlets                                    // where the job only maps
	fn      func(context.Context, In, func(K, V)) error // Map
	batch   *BatchEmitter
	records uint64
	bad     uint64
	samples []*pluginv1.BadRecord
	most    int // samples to keep
	watched bool
	all     bool                  // every bad record is reported
	aside   []*pluginv1.BadRecord // to be reported
	asideN  int                   // bytes of records in aside
	port    boundary.MapPort
	goexit  *boundary.Failure
	builder *codec.Builder // of columns, where MapBatch gets rows
	arrays  []arrow.Array
}

// Map runs a map attempt.
func (p *program[In, K, V, Out]) Map(ctx context.Context, start *pluginv1.MapStart, port boundary.MapPort) (*pluginv1.Counters, error) {
	if p.inputs != nil {
		return p.mapInput(ctx, start, port)
	}
	a := &mapAttempt[In, K, V, Out]{program: p, most: int(start.GetBadSamples()), port: port,
		watched: start.GetProgressNanos() > 0, all: start.GetReportBad()}
	a.ctx = context.WithValue(withSides(ctx, start.GetSides()), tallyKey{}, &a.tally)
	a.ctx, a.outs = newOutlets(a.ctx, p.mapOutlets(), port)
	a.e = p.newEmitter(start, port)
	defer a.e.release()
	a.add = a.e.adder(p.job.Combine)
	a.emit = p.emitFunc(a.add)
	if a.fn = p.job.Map; p.job.each != nil {
		a.fn = p.job.each(a.emit)
	}
	if p.job.MapBatch != nil {
		var err error
		if a.batch, err = newBatchEmitter(p.keys, newColumnSink(a.e, p.job.Combine, a.add)); err != nil {
			return nil, err
		}
	}
	if err := guard(func() error { return a.run(port) }, &a.goexit); err != nil {
		return nil, err
	}
	return &pluginv1.Counters{
		User: a.tally.sums(), RecordsIn: a.records, PairsOut: a.e.emitted(), BadRecords: a.bad, BadSamples: a.samples,
	}, nil
}

// mapOutlets are the named outputs that Map writes: it does where no reduce follows.
func (p *program[In, K, V, Out]) mapOutlets() []outlet {
	if p.job.onlyMaps() {
		return p.outlets
	}
	return nil
}

func (p *program[In, K, V, Out]) newEmitter(start *pluginv1.MapStart, port boundary.MapPort) *emitter[V] {
	memory := int(start.GetMemory())
	if memory <= 0 {
		memory = defaultMemory
	}
	e := &emitter[V]{port: port, size: port.Batch(), keys: p.keys.Fields(), vals: p.vals}
	if p.job.Combine.IsSet() && !p.plain {
		e.memory = memory / 2 // the rest is for batches on their way
		if p.words {
			e.sums = p.tables.get(e.memory)
		} else {
			e.folds = p.folds.get(e.memory)
		}
	}
	n := max(int(start.GetPartitions()), 1)
	switch {
	case p.sorted != nil:
		e.keys = p.sorted.fields
		e.place = p.placeSorted(n)
	case p.job.Partition != nil:
		e.place = func(key []byte) (int32, error) {
			if p.keys.Refers() {
				key = bytes.Clone(key) // the user may keep a string of it
			}
			k, err := p.keys.Decode(key)
			if err != nil {
				return 0, err
			}
			return p.partition(k, n)
		}
	}
	return e
}

// partition is the user's, checked.
func (p *program[In, K, V, Out]) partition(k K, n int) (int32, error) {
	part := p.job.Partition(k, n)
	if part < 0 || part >= n {
		return 0, failuref("Partition gave %d, which is not in [0, %d)", part, n)
	}
	return int32(part), nil
}

// placeSorted is the partition of a longer key: that of the key within it.
func (p *program[In, K, V, Out]) placeSorted(n int) func(key []byte) (int32, error) {
	var scratch []byte
	return func(key []byte) (int32, error) {
		if p.job.Partition != nil && p.keys.Refers() {
			key = bytes.Clone(key) // the user may keep a string of it
		}
		k, prefix, err := p.sorted.split(key, scratch)
		scratch = prefix
		switch {
		case err != nil:
			return 0, err
		case p.job.Partition != nil:
			return p.partition(k, n)
		}
		return int32(codec.Partition(p.keys.Append(prefix[:0], k), n)), nil
	}
}

// adder is how an encoded key and its value enter the emitter.
func (e *emitter[V]) adder(c Combiner[V]) func(key string, v V) {
	if e.folds != nil || e.sums != nil {
		return c.add(e, &c)
	}
	first := c.first
	return func(key string, v V) {
		e.pairs++
		if first != nil {
			v = first(v)
		}
		e.put(key, v)
	}
}

// emitFunc is the user's emit: the adder itself where keys are strings, whose encoding is their bytes.
func (p *program[In, K, V, Out]) emitFunc(add func(key string, v V)) func(K, V) {
	if p.sorted != nil {
		return p.sorted.emitFunc(add)
	}
	if reflect.TypeFor[K]().Kind() == reflect.String {
		// K is string or a type of that layout, so the two functions are called alike.
		return *(*func(K, V))(unsafe.Pointer(&add))
	}
	keys, scratch := p.keys, []byte(nil)
	return func(k K, v V) {
		scratch = keys.Append(scratch[:0], k)
		add(textOf(scratch), v)
	}
}

func (a *mapAttempt[In, K, V, Out]) run(port boundary.MapPort) error {
	recv := port.Recv
	if a.batch != nil || a.job.block != nil || a.about.GetInputKind() == pluginv1.Stage_INPUT_KIND_BYTES ||
		a.rows != nil && !a.rows.codec.Refers() {
		recv = port.Lend // what Map gets is valid during the call only
	}
	for {
		in, err := recv()
		if errors.Is(err, io.EOF) {
			return a.finish()
		}
		if err != nil {
			return err
		}
		switch {
		case a.batch != nil:
			err = a.mapBatch(in)
		case a.job.block != nil:
			err = a.mapBlock(in)
		case a.rows != nil:
			err = a.mapStructs(in)
		default:
			err = a.mapRecords(in)
		}
		if err != nil {
			return err
		}
		if err := a.outs.failed(); err != nil {
			return err
		}
		a.records += uint64(in.Len())
		if err := a.report(); err != nil {
			return err
		}
		if err := port.Progress(a.records); err != nil {
			return err
		}
	}
}

// finish sends what is left. The user's Partition and Fold run here too.
func (a *mapAttempt[In, K, V, Out]) finish() (err error) {
	returned := false
	defer func() {
		if !returned {
			err = panicked(recover())
		}
	}()
	if err = a.e.finish(); err == nil {
		err = a.outs.finish()
	}
	returned = true
	return err
}

// mapRecords calls Map for each record of a batch. A panic is the failure of the record it happened at.
func (a *mapAttempt[In, K, V, Out]) mapRecords(in *boundary.Input) (err error) {
	row, returned := 0, false
	defer func() {
		if !returned {
			a.goexit = at(in, row, panicked(recover()))
			err = a.goexit
		}
	}()
	for n := in.Len(); row < n; row++ {
		rec := record(&in.Records, row)
		// In is string or []byte, or has the layout of one; this is its value without a copy.
		if err = a.fn(a.ctx, *(*In)(unsafe.Pointer(&rec)), a.emit); err == nil {
			err = a.e.err
		} else if isBad(err) {
			err = a.setAside(in, row, rec, err)
		} else {
			err = at(in, row, &boundary.Failure{Text: err.Error()})
		}
		if err != nil {
			returned = true
			return placeError(in, row, err)
		}
		if a.watched {
			if err = a.port.Progress(a.records + uint64(row) + 1); err != nil {
				returned = true
				return err
			}
		}
	}
	returned = true
	return nil
}

// record is row i without its line terminator.
func record(r *rows.Records, i int) []byte {
	b := r.Data[r.Off[i]:r.Off[i+1]:r.Off[i+1]]
	if n := len(b); r.Terminated && n > 0 && b[n-1] == '\n' {
		if n > 1 && b[n-2] == '\r' {
			return b[: n-2 : n-2]
		}
		return b[: n-1 : n-1]
	}
	return b
}

// placeError adds the record to a failure that has none: one that befell while emitting for it. A failure that names a
// key has befallen pairs of several records.
func placeError(in *boundary.Input, row int, err error) error {
	var f *boundary.Failure
	if errors.As(err, &f) && !f.HasRecord && f.Key == nil {
		return at(in, row, f)
	}
	return err
}

// at says at which record a failure happened.
func at(in *boundary.Input, row int, f *boundary.Failure) *boundary.Failure {
	f.HasRecord, f.Batch, f.Row = true, in.Number, uint64(row)
	return f
}
