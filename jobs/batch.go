package jobs

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
)

// BatchEmitter takes the pairs of a MapBatch, many at a time. What it is given it takes in before it returns: columns
// and buffers are the caller's again.
type BatchEmitter struct {
	schema *arrow.Schema
	nkeys  int
	keys   *codec.Encoder
	to     pairSink
	bounds []int32
}

// pairSink is where pairs go by columns, whatever V is.
type pairSink interface {
	// put takes a pair for each of n keys: with the columns of its value, or with a one.
	put(keys pieces, n int, values []arrow.Array, ones bool) error
}

func newBatchEmitter[K, V any](keys *codec.Codec[K], to *columnSink[V]) (*BatchEmitter, error) {
	fields := named(keys.Fields(), "key")
	e := &BatchEmitter{schema: arrow.NewSchema(append(fields, to.e.vals.Fields()...), nil), nkeys: len(fields), to: to}
	if e.schema.NumFields() == 0 {
		return nil, failuref("MapBatch has no columns to emit: neither K nor V has any")
	}
	var err error
	if e.keys, err = codec.NewEncoder(fields); err != nil {
		return nil, failuref("MapBatch cannot emit %v: use Map", err)
	}
	if to.vals, err = codec.NewEncoder(to.e.vals.Fields()); err != nil {
		return nil, failuref("MapBatch cannot emit %v: use Map", err)
	}
	return e, nil
}

// Schema is what Emit takes: the columns of K, then those of V.
func (e *BatchEmitter) Schema() *arrow.Schema { return e.schema }

// Emit emits a pair for each row of columns, which are all of one length. They are of Schema's types, where a column of
// strings or bytes may also be the other of the two, large, or a dictionary of such; only columns that are pointers in K
// or V may have nulls. Slices of arrays will do.
func (e *BatchEmitter) Emit(columns ...arrow.Array) error {
	if len(columns) != e.schema.NumFields() {
		return fmt.Errorf("emit: %d columns, want %d: %v", len(columns), e.schema.NumFields(), e.schema)
	}
	n := columns[0].Len()
	columns, err := plainColumns(e.schema.Fields(), columns, n)
	if err != nil {
		return err
	}
	data, at, err := e.keys.Encode(n, columns[:e.nkeys])
	if err != nil {
		return err
	}
	return e.to.put(pieces{data, at, 1}, n, columns[e.nkeys:], false)
}

// EmitPieces emits a pair for each two of bounds: its key is text[bounds[2*i]:bounds[2*i+1]], its value row i of values,
// the columns of V. With no values it is a 1 each, where V is a number. K must be a string or []byte. It is meant for what
// cuts keys out of its input: keys need not be copied together, may leave gaps and may overlap.
func (e *BatchEmitter) EmitPieces(text []byte, bounds []int32, values ...arrow.Array) error {
	e.bounds = bounds
	fields := e.schema.Fields()[e.nkeys:]
	switch {
	case !e.keys.Raw():
		return fmt.Errorf("emit pieces: keys are no lone string or bytes, but %v", e.schema.Fields()[:e.nkeys])
	case len(bounds)%2 != 0:
		return fmt.Errorf("emit pieces: %d bounds, which are not pairs", len(bounds))
	case len(values) != 0 && len(values) != len(fields):
		return fmt.Errorf("emit pieces: %d columns of values, want %d: %v", len(values), len(fields), fields)
	}
	n := len(bounds) / 2
	values, err := plainColumns(fields[:len(values)], values, n)
	if err != nil {
		return err
	}
	return e.to.put(pieces{text, bounds, 2}, n, values, len(values) < len(fields))
}

// Bounds is an empty list for EmitPieces, in the memory of the list that EmitPieces was given last.
func (e *BatchEmitter) Bounds() []int32 { return e.bounds[:0] }

// mapBatch calls MapBatch for a batch. Its record is not known when it fails, the batch is.
func (a *mapAttempt[In, K, V, Out]) mapBatch(in *boundary.Input) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = at(in, 0, panicked(recover()))
		}
	}()
	rec := arrow.RecordBatch(nil)
	if a.rows == nil {
		rec = recordBatch(a.about.GetInputKind(), in)
	} else if rec, err = a.columnsOf(in); err != nil {
		returned = true
		return err
	}
	err = a.job.MapBatch(a.ctx, rec, a.batch)
	if err == nil {
		err = a.e.err
	} else {
		err = at(in, 0, failuref("in the batch of %d records that begins here: %v", in.Len(), err))
	}
	returned = true
	return err
}

// recordBatch is a batch of records as one Arrow column over the same memory.
func recordBatch(kind pluginv1.Stage_InputKind, in *boundary.Input) arrow.RecordBatch {
	r := unterminated(&in.Records)
	schema := inputSchema(kind)
	data := array.NewData(schema.Field(0).Type, r.Len(),
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(r.Off)), memory.NewBufferBytes(r.Data)}, nil, 0, 0)
	return array.NewRecordBatch(schema, []arrow.Array{array.MakeFromData(data)}, int64(r.Len()))
}

// unterminated is r with its line terminators taken off, which moves the bytes together; a worker that was told not to
// send any makes it free.
func unterminated(r *rows.Records) *rows.Records {
	if !r.Terminated {
		return r
	}
	out := &rows.Records{Off: make([]int32, 1, len(r.Off)), Data: make([]byte, 0, len(r.Data))}
	for i := range r.Len() {
		out.Data = append(out.Data, record(r, i)...)
		out.Off = append(out.Off, int32(len(out.Data)))
	}
	return out
}
