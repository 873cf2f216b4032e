package jobs

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/combine"
)

// maxField bounds an encoded key or value, in bytes.
const maxField = 512 << 20

// emitter is what stands behind emit in one attempt: the table where pairs meet, and the batch they leave in. Keys come
// to it encoded, so that it need not know K.
type emitter[V any] struct {
	port  boundary.MapPort
	keys  []arrow.Field // to name keys to people
	vals  *codec.Codec[V]
	place func(key []byte) (int32, error) // the job's own partition of a key; nil: the worker computes it

	pairs uint64 // emitted by the user's function, but for those in sums
	err   error  // the first that befell; emit discards from then on

	folds  *foldTable[V] // nil: nothing is combined, or in sums
	sums   *sumTable     // where the fold is a sum of 64-bit integers; else nil
	gate   combine.Gate
	memory int // bytes that the table may use

	size  int // bytes of a batch
	out   *boundary.Pairs
	last  *boundary.Pairs // the batch sent last, as Send left it
	keyN  int             // sizes of the last batch, to make the next one at once
	valN  int
	rowsN int
}

// put writes one pair to the batch, and sends the batch when it is large enough.
func (e *emitter[V]) put(key string, v V) {
	if e.err != nil {
		return
	}
	o := e.out
	if o == nil {
		o = e.fresh()
	}
	o.Keys = append(o.Keys, key...)
	o.Vals = e.vals.Append(o.Vals, v)
	o.KeyOff = append(o.KeyOff, int32(len(o.Keys)))
	o.ValOff = append(o.ValOff, int32(len(o.Vals)))
	if e.place != nil {
		e.putPart(key)
	}
	if len(o.Keys)+len(o.Vals)+8*len(o.KeyOff) >= e.size {
		e.send()
	}
}

func (e *emitter[V]) putPart(key string) {
	part, err := e.place(bytesOf(key))
	if err != nil && e.err == nil {
		e.err = err
	}
	e.out.Parts = append(e.out.Parts, part)
}

// fresh starts a batch, in the memory of the last one where Send has left that.
func (e *emitter[V]) fresh() *boundary.Pairs {
	o := e.last
	if o == nil || o.KeyOff == nil {
		o = &boundary.Pairs{}
		o.Keys, o.Vals = make([]byte, 0, e.keyN), make([]byte, 0, e.valN)
		o.KeyOff, o.ValOff = make([]int32, 0, e.rowsN+1), make([]int32, 0, e.rowsN+1)
		if e.place != nil {
			o.Parts = make([]int32, 0, e.rowsN)
		}
	}
	o.KeyOff, o.ValOff = append(o.KeyOff, 0), append(o.ValOff, 0)
	e.out = o
	return o
}

func (e *emitter[V]) send() {
	o := e.out
	e.out = nil
	if o == nil || o.Len() == 0 || e.err != nil {
		return
	}
	if len(o.Keys) > maxField || len(o.Vals) > maxField {
		e.err = failuref("a pair of %d bytes was emitted; a key or a value may have %d", len(o.Keys)+len(o.Vals), maxField)
		return
	}
	const slack = 256
	e.keyN, e.valN, e.rowsN = min(len(o.Keys)+slack, e.size), min(len(o.Vals)+slack, e.size), o.Len()+slack
	e.err = e.port.Send(o)
	e.last = o
}

// finish sends all that is still here.
func (e *emitter[V]) finish() error {
	switch {
	case e.folds != nil:
		e.settle()
		e.flush()
	case e.sums != nil:
		e.flushSums()
	}
	e.send()
	return e.err
}

// passes reports that a pair does not go through the table: none pays now, or the key is too long for it.
func (e *emitter[V]) passes(key string) bool {
	if e.gate.Shut > 0 {
		e.gate.Shut--
		return true
	}
	return len(key) > combine.MaxKey
}

// The functions that emit into a table. Each is the whole path of one kind of fold, with nothing to decide per pair but
// what the pair itself decides.

func addSum[V Number](e *emitter[V], c *Combiner[V]) func(key string, v V) {
	if e.sums != nil {
		return addWord(e)
	}
	return addFold(e, c)
}

func addCount[V Integer](e *emitter[V], c *Combiner[V]) func(key string, v V) {
	sum := addSum(e, c)
	return func(key string, _ V) { sum(key, 1) }
}

func textOf(b []byte) string  { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
