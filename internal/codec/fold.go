package codec

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// FoldFor is a known fold over encoded values of these columns: it folds v into acc, in place, and returns acc. ok is
// false when the engine cannot do it and the plugin must. Least and greatest are known of a lone number, sums of any
// numbers, of none too, each on its own; arrays and structs are the numbers in them. Integers wrap; NaN is the greatest float, as in
// key order. exact says that the result does not depend on the order of folding: sums of floats do.
func FoldFor(kind pluginv1.Stage_Fold, value []arrow.Field) (fold func(acc, v []byte) []byte, exact, ok bool) {
	lone := len(value) == 1 && !value[0].Nullable && isNumber(value[0].Type)
	switch {
	case kind == pluginv1.Stage_FOLD_MIN && lone:
		return foldLeast, true, true
	case kind == pluginv1.Stage_FOLD_MAX && lone:
		return foldGreatest, true, true
	case kind == pluginv1.Stage_FOLD_SUM && len(value) == 0:
		return func(acc, _ []byte) []byte { return acc }, true, true // all values are one
	case kind == pluginv1.Stage_FOLD_COUNT && lone, kind == pluginv1.Stage_FOLD_SUM:
	default:
		return nil, false, false
	}
	s, ok := (summands{exact: true}).and(value)
	if !ok || len(s.parts) == 0 {
		return nil, false, false
	}
	if len(s.parts) == 1 {
		return s.parts[0].add, s.exact, true
	}
	return s.add, s.exact, true
}

func isNumber(t arrow.DataType) bool { return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) }

func foldLeast(acc, v []byte) []byte {
	if bytes.Compare(v, acc) < 0 {
		copy(acc, v)
	}
	return acc
}

func foldGreatest(acc, v []byte) []byte {
	if bytes.Compare(v, acc) > 0 {
		copy(acc, v)
	}
	return acc
}

// summands are the numbers of a value, in the order of their encoding, which is of one length for all values.
type summands struct {
	parts []summand
	width int // bytes of all
	exact bool
}

type summand struct {
	at, end int
	add     func(acc, v []byte) []byte
}

// and is s with the numbers of more fields. ok is false where a field is or has anything else.
func (s summands) and(fields []arrow.Field) (_ summands, ok bool) {
	for _, f := range fields {
		if f.Nullable {
			return s, false
		}
		switch t := f.Type.(type) {
		case *arrow.StructType:
			if s, ok = s.and(t.Fields()); !ok {
				return s, false
			}
		case *arrow.FixedSizeListType:
			for range t.Len() {
				if s, ok = s.and([]arrow.Field{t.ElemField()}); !ok {
					return s, false
				}
			}
		case arrow.FixedWidthDataType:
			add, known := sumFor(t.ID())
			if !known {
				return s, false
			}
			end := s.width + t.Bytes()
			s.parts = append(s.parts, summand{s.width, end, add})
			s.width, s.exact = end, s.exact && !arrow.IsFloating(t.ID())
		default:
			return s, false
		}
	}
	return s, true
}

func (s summands) add(acc, v []byte) []byte {
	if len(acc) != s.width || len(v) != s.width {
		return acc // not encodings of these columns; the decoder reports it
	}
	for i := range s.parts {
		p := &s.parts[i]
		p.add(acc[p.at:p.end], v[p.at:p.end])
	}
	return acc
}

func sumFor(id arrow.Type) (func(acc, v []byte) []byte, bool) {
	switch id {
	case arrow.FLOAT64:
		return func(acc, v []byte) []byte {
			if len(acc) == 8 && len(v) == 8 {
				be.PutUint64(acc, orderFloat64(unorderFloat64(be.Uint64(acc))+unorderFloat64(be.Uint64(v))))
			}
			return acc
		}, true
	case arrow.FLOAT32:
		return func(acc, v []byte) []byte {
			if len(acc) == 4 && len(v) == 4 {
				be.PutUint32(acc, orderFloat32(unorderFloat32(be.Uint32(acc))+unorderFloat32(be.Uint32(v))))
			}
			return acc
		}, true
	case arrow.INT64, arrow.INT32, arrow.INT16, arrow.INT8:
		return sumInts(true), true
	case arrow.UINT64, arrow.UINT32, arrow.UINT16, arrow.UINT8:
		return sumInts(false), true
	}
	return nil, false
}

// sumInts adds big-endian integers at the width of acc. The flipped sign bits of two addends cancel; one is put back.
func sumInts(signed bool) func(acc, v []byte) []byte {
	return func(acc, v []byte) []byte {
		if len(acc) != len(v) || len(acc) == 0 {
			return acc // not encodings of one integer type; the decoder reports it
		}
		if len(acc) == 8 {
			be.PutUint64(acc, be.Uint64(acc)+be.Uint64(v))
		} else {
			carry := uint16(0)
			for i := len(acc) - 1; i >= 0; i-- {
				carry += uint16(acc[i]) + uint16(v[i])
				acc[i] = byte(carry)
				carry >>= 8
			}
		}
		if signed {
			acc[0] ^= 0x80
		}
		return acc
	}
}
