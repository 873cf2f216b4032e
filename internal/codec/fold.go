package codec

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// FoldFor is a known fold over encoded values of a lone column: it folds v into acc, in place, and returns acc. ok is
// false when the engine cannot do it and the plugin must. Integers wrap; NaN is the greatest float, as in key order.
func FoldFor(kind pluginv1.Stage_Fold, value arrow.Field) (fold func(acc, v []byte) []byte, ok bool) {
	if value.Nullable || !arrow.IsInteger(value.Type.ID()) && !arrow.IsFloating(value.Type.ID()) {
		return nil, false
	}
	switch kind {
	case pluginv1.Stage_FOLD_MIN:
		return func(acc, v []byte) []byte {
			if bytes.Compare(v, acc) < 0 {
				copy(acc, v)
			}
			return acc
		}, true
	case pluginv1.Stage_FOLD_MAX:
		return func(acc, v []byte) []byte {
			if bytes.Compare(v, acc) > 0 {
				copy(acc, v)
			}
			return acc
		}, true
	case pluginv1.Stage_FOLD_SUM, pluginv1.Stage_FOLD_COUNT:
		return sumFor(value.Type.ID())
	}
	return nil, false
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
