// Package wire is how single values are encoded within rows, for package codec and for those who make rows without knowing
// a Go type for them. It depends on nothing.
package wire

import (
	"bytes"
	"math"
	"time"
	"unsafe"
)

// Optional marks, in the metadata of an Arrow field, a column that input may be without.
const Optional = "mrctl.optional"

// Source names, in the metadata of an Arrow field, the field of the author's struct that a column of input is for.
const Source = "mrctl.source"

// AppendEscaped appends s with 00 as 00 FF and the end 00 00.
func AppendEscaped(dst []byte, s string) []byte {
	for {
		i := indexZero(s)
		if i < 0 {
			dst = append(dst, s...)
			return append(dst, 0, 0)
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, 0, 0xff)
		s = s[i+1:]
	}
}

func indexZero(s string) int {
	return bytes.IndexByte(unsafe.Slice(unsafe.StringData(s), len(s)), 0)
}

// OrderFloat64 maps f to bits whose unsigned order is the order of floats.
func OrderFloat64(f float64) uint64 {
	switch {
	case f == 0:
		return 1 << 63 // -0 too
	case f != f:
		return 0xfff8 << 48
	}
	u := math.Float64bits(f)
	if u>>63 == 1 {
		return ^u
	}
	return u | 1<<63
}

// OrderFloat32 is OrderFloat64 for a float32.
func OrderFloat32(f float32) uint32 {
	switch {
	case f == 0:
		return 1 << 31
	case f != f:
		return 0xffc0 << 16
	}
	u := math.Float32bits(f)
	if u>>31 == 1 {
		return ^u
	}
	return u | 1<<31
}

var (
	minTime = time.Unix(0, math.MinInt64)
	maxTime = time.Unix(0, math.MaxInt64)
)

// Nanos is a time as it travels: nanoseconds since 1970. What does not fit (before 1677, after 2262) saturates.
func Nanos(t time.Time) int64 {
	if t.Before(minTime) {
		return math.MinInt64
	}
	if t.After(maxTime) {
		return math.MaxInt64
	}
	return t.UnixNano()
}
