package typed

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec/wire"
)

var be = binary.BigEndian

// scalar is the function that encodes text as a value of type t, and the encoding of its zero value; nil for a type that
// is none of a scalar's.
func scalar(t arrow.DataType) (text func(dst, text []byte) ([]byte, error), zero []byte) {
	switch t.ID() {
	case arrow.BOOL:
		return boolean, []byte{0}
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64:
		return signed(t.(arrow.FixedWidthDataType).BitWidth())
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return unsigned(t.(arrow.FixedWidthDataType).BitWidth())
	case arrow.FLOAT32:
		return float32s, be.AppendUint32(nil, wire.OrderFloat32(0))
	case arrow.FLOAT64:
		return float64s, be.AppendUint64(nil, wire.OrderFloat64(0))
	case arrow.STRING, arrow.BINARY:
		return escaped, []byte{0, 0}
	case arrow.TIMESTAMP:
		return timestamp, make([]byte, 8) // the zero time is the least of all
	}
	return nil, nil
}

func boolean(dst, text []byte) ([]byte, error) {
	v, err := strconv.ParseBool(stringOf(text))
	if err != nil {
		return nil, fmt.Errorf("%q is neither true nor false", clip(text))
	}
	if v {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

func signed(bits int) (func(dst, text []byte) ([]byte, error), []byte) {
	flip := uint64(1) << (bits - 1)
	return func(dst, text []byte) ([]byte, error) {
		v, err := strconv.ParseInt(stringOf(text), 10, bits)
		if err != nil {
			return nil, fmt.Errorf("%q is no int%d", clip(text), bits)
		}
		return appendUint(dst, uint64(v)^flip, bits), nil
	}, appendUint(nil, flip, bits)
}

func unsigned(bits int) (func(dst, text []byte) ([]byte, error), []byte) {
	return func(dst, text []byte) ([]byte, error) {
		v, err := strconv.ParseUint(stringOf(text), 10, bits)
		if err != nil {
			return nil, fmt.Errorf("%q is no uint%d", clip(text), bits)
		}
		return appendUint(dst, v, bits), nil
	}, appendUint(nil, 0, bits)
}

// appendUint appends the low bits of u.
func appendUint(dst []byte, u uint64, bits int) []byte {
	for bits -= 8; bits >= 0; bits -= 8 {
		dst = append(dst, byte(u>>bits))
	}
	return dst
}

func float32s(dst, text []byte) ([]byte, error) {
	v, err := strconv.ParseFloat(stringOf(text), 32)
	if err != nil {
		return nil, fmt.Errorf("%q is no float32", clip(text))
	}
	return be.AppendUint32(dst, wire.OrderFloat32(float32(v))), nil
}

func float64s(dst, text []byte) ([]byte, error) {
	v, err := strconv.ParseFloat(stringOf(text), 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no float64", clip(text))
	}
	return be.AppendUint64(dst, wire.OrderFloat64(v)), nil
}

func escaped(dst, text []byte) ([]byte, error) { return wire.AppendEscaped(dst, stringOf(text)), nil }

// layouts are how a time may be written; one that names no zone is in UTC.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", time.DateTime, "2006-01-02T15:04:05", time.DateOnly}

var leastTime = time.Unix(0, math.MinInt64)

func timestamp(dst, text []byte) ([]byte, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, string(text)); err == nil {
			ns := wire.Nanos(t)
			zero := t.IsZero() || t.Equal(leastTime) // a row has the least for the zero time, and so it is written
			if ns == math.MinInt64 && !zero || ns == math.MaxInt64 {
				return nil, fmt.Errorf("the time %q is before 1677 or after 2262", clip(text))
			}
			return be.AppendUint64(dst, uint64(ns)^1<<63), nil
		}
	}
	return nil, fmt.Errorf("%q is no time such as 2006-01-02T15:04:05Z, or a date", clip(text))
}

// stringOf is b as a string without a copy, for a call that does not keep it.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
