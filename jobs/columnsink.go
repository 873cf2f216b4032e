package jobs

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/combine"
)

// pieces are byte strings that lie in one text: piece i is data[at[i*stride]:at[i*stride+1]]. With a stride of 1 they are
// an Arrow column, with 2 they have bounds of their own, and with 0 all are the same.
type pieces struct {
	data   []byte
	at     []int32
	stride int
}

func (p pieces) piece(i int) []byte {
	i *= p.stride
	return p.data[p.at[i]:p.at[i+1]]
}

// from is p without its first n.
func (p pieces) from(n int) pieces { return pieces{p.data, p.at[n*p.stride:], p.stride} }

// columnSink brings pairs that come in columns to an emitter. What it does equals add for each of them.
type columnSink[V any] struct {
	e      *emitter[V]
	add    func(key string, v V)
	counts bool // every value is taken for one

	vals   *codec.Encoder
	number arrow.DataType // of a column whose memory is that of V's; nil: V is no number
	one    V              // where it is one
}

func newColumnSink[V any](e *emitter[V], c Combiner[V], add func(key string, v V)) *columnSink[V] {
	s := &columnSink[V]{e: e, add: add, counts: c.first != nil}
	if t, ok := numberType(reflect.TypeFor[V]()); ok {
		s.number = t
		one := reflect.ValueOf(1).Convert(reflect.TypeFor[V]())
		s.one = one.Interface().(V)
	}
	return s
}

func (s *columnSink[V]) put(keys pieces, n int, values []arrow.Array, ones bool) error {
	if ones && s.number == nil {
		return fmt.Errorf("emit pieces: no values, and %v is no number that could be 1", reflect.TypeFor[V]())
	}
	ones = ones || s.counts
	switch {
	case s.e.err != nil || n == 0:
	case s.e.sums != nil:
		return s.sum(keys, n, values, ones)
	case s.e.folds == nil:
		vals, err := s.encoded(n, values, ones)
		if err != nil {
			return err
		}
		s.e.pairs += uint64(n)
		s.e.putRows(keys, vals, n)
	default:
		return s.fold(keys, n, values, ones)
	}
	return nil
}

// sum adds to the table of sums, or passes it by where that does not pay.
func (s *columnSink[V]) sum(keys pieces, n int, values []arrow.Array, ones bool) error {
	e := s.e
	var words []int64
	if !ones {
		words = numbersOf[int64](values[0])
	}
	var vals pieces // encoded, once it is known that they are needed
	for done := 0; done < n && e.err == nil; {
		pass := min(n-done, e.gate.Shut)
		if pass == 0 {
			taken := e.sums.AddAll(keys.data, keys.at[done*keys.stride:], keys.stride, words[min(done, len(words)):], combine.MaxKey)
			done += taken
			switch {
			case e.sums.Full():
				e.fullSums()
				continue
			case done == n:
				return nil
			}
			pass = 1 // a key too long for the table
		} else if e.gate.Shut -= pass; e.gate.Shut == 0 {
			e.sums.Shut(false)
		}
		if vals.data == nil {
			var err error
			if vals, err = s.encoded(n, values, ones); err != nil {
				return err
			}
		}
		e.pairs += uint64(pass)
		e.putRows(keys.from(done), vals.from(done), pass)
		done += pass
	}
	return nil
}

// fold adds pair by pair, as the fold is a function.
func (s *columnSink[V]) fold(keys pieces, n int, values []arrow.Array, ones bool) error {
	switch {
	case ones:
		for i := range n {
			s.add(textOf(keys.piece(i)), s.one)
		}
	case s.number != nil:
		for i, v := range numbersOf[V](values[0]) {
			s.add(textOf(keys.piece(i)), v)
		}
	default:
		vals, err := s.encoded(n, values, ones)
		if err != nil {
			return err
		}
		for i := range n {
			v, err := s.e.vals.Decode(vals.piece(i))
			if err != nil {
				return err
			}
			s.add(textOf(keys.piece(i)), v)
		}
	}
	return nil
}

// encoded are n values as they travel.
func (s *columnSink[V]) encoded(n int, values []arrow.Array, ones bool) (pieces, error) {
	if ones {
		one := s.e.vals.Append(nil, s.one)
		return pieces{one, []int32{0, int32(len(one))}, 0}, nil
	}
	data, off, err := s.vals.Encode(n, values)
	return pieces{data, off, 1}, err
}

// numbersOf are the values of a column of numbers, whose memory is that of T's.
func numbersOf[T any](col arrow.Array) []T {
	d := col.Data()
	if d.Len() == 0 {
		return nil
	}
	b := d.Buffers()[1].Bytes()
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), d.Offset()+d.Len())[d.Offset():]
}

// putRows is put for n pairs whose values are encoded.
func (e *emitter[V]) putRows(keys, vals pieces, n int) {
	for i := 0; i < n && e.err == nil; i++ {
		o := e.out
		if o == nil {
			o = e.fresh()
		}
		key := keys.piece(i)
		o.Keys = append(o.Keys, key...)
		o.Vals = append(o.Vals, vals.piece(i)...)
		o.KeyOff = append(o.KeyOff, int32(len(o.Keys)))
		o.ValOff = append(o.ValOff, int32(len(o.Vals)))
		if e.place != nil {
			e.putPart(textOf(key))
		}
		if len(o.Keys)+len(o.Vals)+8*len(o.KeyOff) >= e.size {
			e.send()
		}
	}
}
