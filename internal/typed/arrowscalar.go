package typed

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/codec/wire"
)

// readable reports that values of the type from, of an Arrow array, can be values of a column of type to.
func readable(from, to arrow.DataType) bool {
	f := from.ID()
	switch to.ID() {
	case arrow.BOOL:
		return f == arrow.BOOL
	case arrow.FLOAT64:
		return f == arrow.FLOAT64 || f == arrow.FLOAT32 || isInteger(from, 32)
	case arrow.FLOAT32:
		return f == arrow.FLOAT32 || isInteger(from, 16)
	case arrow.STRING, arrow.BINARY:
		switch f {
		case arrow.STRING, arrow.BINARY, arrow.LARGE_STRING, arrow.LARGE_BINARY, arrow.STRING_VIEW, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
			return true
		}
		return false
	case arrow.TIMESTAMP:
		return f == arrow.TIMESTAMP || f == arrow.DATE32 || f == arrow.DATE64
	}
	return isInteger(to, 64) && isInteger(from, 64)
}

func isInteger(t arrow.DataType, bits int) bool {
	return arrow.IsInteger(t.ID()) && t.(arrow.FixedWidthDataType).BitWidth() <= bits
}

// scalarCell encodes the values of an array, none of them null, as those of a column of type to.
func scalarCell(a arrow.Array, to arrow.DataType, raw bool) cell {
	switch to.ID() {
	case arrow.BOOL:
		b := a.(*array.Boolean)
		return func(dst []byte, row int) ([]byte, error) {
			if b.Value(row) {
				return append(dst, 1), nil
			}
			return append(dst, 0), nil
		}
	case arrow.FLOAT64:
		get := floats(a)
		return func(dst []byte, row int) ([]byte, error) {
			return be.AppendUint64(dst, wire.OrderFloat64(get(row))), nil
		}
	case arrow.FLOAT32:
		get := floats(a)
		return func(dst []byte, row int) ([]byte, error) {
			return be.AppendUint32(dst, wire.OrderFloat32(float32(get(row)))), nil
		}
	case arrow.STRING, arrow.BINARY:
		get := textValues(a)
		if raw {
			return func(dst []byte, row int) ([]byte, error) { return append(dst, get(row)...), nil }
		}
		return func(dst []byte, row int) ([]byte, error) { return wire.AppendEscaped(dst, get(row)), nil }
	case arrow.TIMESTAMP:
		return timeCell(a)
	}
	return integerCell(a, to)
}

// textValues gives the values of an array as strings that are good as long as it is.
func textValues(a arrow.Array) func(row int) string {
	switch a := a.(type) {
	case interface{ Value(int) string }:
		return a.Value
	case interface{ Value(int) []byte }:
		return func(row int) string { return stringOf(a.Value(row)) }
	}
	panic(fmt.Sprintf("%v holds no text", a.DataType()))
}

func floats(a arrow.Array) func(row int) float64 {
	switch a := a.(type) {
	case *array.Float64:
		return a.Value
	case *array.Float32:
		return func(row int) float64 { return float64(a.Value(row)) }
	}
	get, _ := integers(a)
	return func(row int) float64 { return float64(get(row)) }
}

// integers gives the values of an array; with big those below 0 stand for such as are 1<<64 more.
func integers(a arrow.Array) (get func(row int) int64, big bool) {
	switch a := a.(type) {
	case *array.Int64:
		return a.Value, false
	case *array.Int32:
		return func(row int) int64 { return int64(a.Value(row)) }, false
	case *array.Int16:
		return func(row int) int64 { return int64(a.Value(row)) }, false
	case *array.Int8:
		return func(row int) int64 { return int64(a.Value(row)) }, false
	case *array.Uint64:
		return func(row int) int64 { return int64(a.Value(row)) }, true
	case *array.Uint32:
		return func(row int) int64 { return int64(a.Value(row)) }, false
	case *array.Uint16:
		return func(row int) int64 { return int64(a.Value(row)) }, false
	case *array.Uint8:
		return func(row int) int64 { return int64(a.Value(row)) }, false
	}
	panic(fmt.Sprintf("%v holds no integers", a.DataType()))
}

func integerCell(a arrow.Array, to arrow.DataType) cell {
	get, big := integers(a)
	bits := to.(arrow.FixedWidthDataType).BitWidth()
	misfit := func(row int) error {
		if big {
			return fmt.Errorf("%d is no %v", uint64(get(row)), to)
		}
		return fmt.Errorf("%d is no %v", get(row), to)
	}
	if arrow.IsUnsignedInteger(to.ID()) {
		return func(dst []byte, row int) ([]byte, error) {
			v := get(row)
			if v < 0 && !big || bits < 64 && uint64(v)>>bits != 0 {
				return nil, misfit(row)
			}
			return appendUint(dst, uint64(v), bits), nil
		}
	}
	flip := uint64(1) << (bits - 1)
	least, most := int64(-1)<<(bits-1), int64(1)<<(bits-1)-1
	return func(dst []byte, row int) ([]byte, error) {
		v := get(row)
		if v < least || v > most || v < 0 && big {
			return nil, misfit(row)
		}
		return appendUint(dst, uint64(v)^flip, bits), nil
	}
}

// timeCell encodes times and days. A time without a zone is one in UTC.
func timeCell(a arrow.Array) cell {
	var get func(row int) int64
	unit := int64(1)
	switch a := a.(type) {
	case *array.Timestamp:
		unit = int64(a.DataType().(*arrow.TimestampType).Unit.Multiplier())
		get = func(row int) int64 { return int64(a.Value(row)) }
	case *array.Date32:
		unit = 24 * 3600 * 1e9
		get = func(row int) int64 { return int64(a.Value(row)) }
	case *array.Date64:
		unit = 1e6
		get = func(row int) int64 { return int64(a.Value(row)) }
	}
	most := (math.MaxInt64 - 1) / unit
	return func(dst []byte, row int) ([]byte, error) {
		v := get(row)
		zero := unit == 1 && v == math.MinInt64 // as the zero time is written
		if v < -most && !zero || v > most {
			return nil, fmt.Errorf("the time %s is before 1677 or after 2262", a.ValueStr(row))
		}
		return be.AppendUint64(dst, uint64(v*unit)^1<<63), nil
	}
}
