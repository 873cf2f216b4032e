package jobs

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
)

// BatchEmitter takes the pairs of a MapBatch, a batch at a time.
type BatchEmitter struct {
	schema *arrow.Schema
	nkeys  int
	take   func(key, val []byte) error
	key    []byte
	val    []byte
}

// newBatchEmitter makes an emitter that hands each pair to add, encoded key and typed value.
func newBatchEmitter[K, V any](keys *codec.Codec[K], vals *codec.Codec[V], add func(key string, v V)) (*BatchEmitter, error) {
	fields := append(named(keys.Fields(), "key"), vals.Fields()...)
	for _, f := range fields {
		if !codec.Encodable(f.Type) {
			return nil, failuref("MapBatch cannot emit column %s of type %v: use Map", f.Name, f.Type)
		}
	}
	return &BatchEmitter{
		schema: arrow.NewSchema(fields, nil), nkeys: len(keys.Fields()),
		take: func(key, val []byte) error {
			v, err := vals.Decode(val)
			if err == nil {
				add(textOf(key), v)
			}
			return err
		},
	}, nil
}

// Schema is what Emit takes: the columns of K, then those of V.
func (e *BatchEmitter) Schema() *arrow.Schema { return e.schema }

// Emit emits a pair for each row. The columns are of Schema's types, all of one length, and are free again when it
// returns.
func (e *BatchEmitter) Emit(columns ...arrow.Array) error {
	if len(columns) != e.schema.NumFields() {
		return fmt.Errorf("emit: %d columns, want %d: %v", len(columns), e.schema.NumFields(), e.schema)
	}
	n := columns[0].Len()
	for i, c := range columns {
		f := e.schema.Field(i)
		if c.Len() != n {
			return fmt.Errorf("emit: column %s has %d rows, the first has %d", f.Name, c.Len(), n)
		}
		if !arrow.TypeEqual(c.DataType(), f.Type) {
			return fmt.Errorf("emit: column %s is %v, want %v", f.Name, c.DataType(), f.Type)
		}
		if !f.Nullable && c.NullN() > 0 {
			return fmt.Errorf("emit: column %s has nulls", f.Name)
		}
	}
	keys := codec.NewEncoder(e.schema.Fields()[:e.nkeys], columns[:e.nkeys])
	vals := codec.NewEncoder(e.schema.Fields()[e.nkeys:], columns[e.nkeys:])
	for row := range n {
		e.key, e.val = keys.Append(e.key[:0], row), vals.Append(e.val[:0], row)
		if err := e.take(e.key, e.val); err != nil {
			return err
		}
	}
	return nil
}

// mapBatch calls MapBatch for a batch. Its record is not known when it fails, the batch is.
func (a *mapAttempt[In, K, V, Out]) mapBatch(in *boundary.Input) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = at(in, 0, panicked(recover()))
		}
	}()
	err = a.job.MapBatch(a.ctx, recordBatch(a.about.GetInputKind(), in), a.batch)
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
		[]*memory.Buffer{nil, memory.NewBufferBytes(int32Bytes(r.Off)), memory.NewBufferBytes(r.Data)}, nil, 0, 0)
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

func int32Bytes(s []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}
