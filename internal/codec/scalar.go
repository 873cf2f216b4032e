package codec

import (
	"encoding/binary"
	"math"
	"reflect"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec/wire"
	"github.com/mrctl/mrctl/internal/errs"
)

var be = binary.BigEndian

var errShort = errs.New(errs.Corrupt, "an encoded row ends too early")

// scalars are the kinds with a length of their own.
var scalars = map[reflect.Kind]node{
	reflect.Bool:    boolNode,
	reflect.Int8:    intNode[int8](1, arrow.PrimitiveTypes.Int8, true),
	reflect.Int16:   intNode[int16](2, arrow.PrimitiveTypes.Int16, true),
	reflect.Int32:   intNode[int32](4, arrow.PrimitiveTypes.Int32, true),
	reflect.Int64:   intNode[int64](8, arrow.PrimitiveTypes.Int64, true),
	reflect.Int:     intNode[int](8, arrow.PrimitiveTypes.Int64, true),
	reflect.Uint8:   intNode[uint8](1, arrow.PrimitiveTypes.Uint8, false),
	reflect.Uint16:  intNode[uint16](2, arrow.PrimitiveTypes.Uint16, false),
	reflect.Uint32:  intNode[uint32](4, arrow.PrimitiveTypes.Uint32, false),
	reflect.Uint64:  intNode[uint64](8, arrow.PrimitiveTypes.Uint64, false),
	reflect.Uint:    intNode[uint](8, arrow.PrimitiveTypes.Uint64, false),
	reflect.Float32: float32Node,
	reflect.Float64: float64Node,
}

var boolNode = node{
	typ: arrow.FixedWidthTypes.Boolean, fixed: 1,
	enc: func(dst []byte, p unsafe.Pointer) []byte {
		if *(*bool)(p) {
			return append(dst, 1)
		}
		return append(dst, 0)
	},
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		v, rest, err := takeBool(b)
		*(*bool)(p) = v
		return rest, err
	},
}

func takeBool(b []byte) (bool, []byte, error) {
	if len(b) < 1 {
		return false, nil, errShort
	}
	if b[0] > 1 {
		return false, nil, errs.New(errs.Corrupt, "byte %#x where 0 or 1 was expected", b[0])
	}
	return b[0] == 1, b[1:], nil
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~int | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uint
}

// intNode is the node of an integer type of width bytes.
func intNode[I integer](width int, typ arrow.DataType, signed bool) node {
	flip := uint64(0)
	if signed {
		flip = 1 << (8*width - 1)
	}
	n := node{typ: typ, fixed: width}
	switch width {
	case 1:
		n.enc = func(dst []byte, p unsafe.Pointer) []byte { return append(dst, uint8(*(*I)(p))^uint8(flip)) }
	case 2:
		n.enc = func(dst []byte, p unsafe.Pointer) []byte { return be.AppendUint16(dst, uint16(*(*I)(p))^uint16(flip)) }
	case 4:
		n.enc = func(dst []byte, p unsafe.Pointer) []byte { return be.AppendUint32(dst, uint32(*(*I)(p))^uint32(flip)) }
	default:
		n.enc = func(dst []byte, p unsafe.Pointer) []byte { return be.AppendUint64(dst, uint64(*(*I)(p))^flip) }
	}
	n.dec = func(b []byte, p unsafe.Pointer) ([]byte, error) {
		u, rest, err := takeUint(b, width)
		*(*I)(p) = I(u ^ flip)
		return rest, err
	}
	return n
}

// takeUint reads width big-endian bytes.
func takeUint(b []byte, width int) (uint64, []byte, error) {
	if len(b) < width {
		return 0, nil, errShort
	}
	var u uint64
	switch width {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(be.Uint16(b))
	case 4:
		u = uint64(be.Uint32(b))
	default:
		u = be.Uint64(b)
	}
	return u, b[width:], nil
}

var float64Node = node{
	typ: arrow.PrimitiveTypes.Float64, fixed: 8,
	enc: func(dst []byte, p unsafe.Pointer) []byte { return be.AppendUint64(dst, orderFloat64(*(*float64)(p))) },
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		u, rest, err := takeUint(b, 8)
		*(*float64)(p) = unorderFloat64(u)
		return rest, err
	},
}

var float32Node = node{
	typ: arrow.PrimitiveTypes.Float32, fixed: 4,
	enc: func(dst []byte, p unsafe.Pointer) []byte { return be.AppendUint32(dst, orderFloat32(*(*float32)(p))) },
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		u, rest, err := takeUint(b, 4)
		*(*float32)(p) = unorderFloat32(uint32(u))
		return rest, err
	},
}

func orderFloat64(f float64) uint64 { return wire.OrderFloat64(f) }

func unorderFloat64(u uint64) float64 {
	if u>>63 == 1 {
		return math.Float64frombits(u &^ (1 << 63))
	}
	return math.Float64frombits(^u)
}

func orderFloat32(f float32) uint32 { return wire.OrderFloat32(f) }

func unorderFloat32(u uint32) float32 {
	if u>>31 == 1 {
		return math.Float32frombits(u &^ (1 << 31))
	}
	return math.Float32frombits(^u)
}

var timeNode = node{
	typ: arrow.FixedWidthTypes.Timestamp_ns, fixed: 8,
	enc: func(dst []byte, p unsafe.Pointer) []byte {
		return be.AppendUint64(dst, uint64(Nanos(*(*time.Time)(p)))^1<<63)
	},
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		u, rest, err := takeUint(b, 8)
		if ns := int64(u ^ 1<<63); ns != math.MinInt64 {
			*(*time.Time)(p) = time.Unix(0, ns).UTC()
		} else {
			*(*time.Time)(p) = time.Time{}
		}
		return rest, err
	},
}

// Nanos is a time as it travels, as wire.Nanos has it.
func Nanos(t time.Time) int64 { return wire.Nanos(t) }
