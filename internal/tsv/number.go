package tsv

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// pairs are the digits of 00 to 99, as they lie in memory when stored little-endian.
var pairs = func() (p [100]uint16) {
	for i := range p {
		p[i] = uint16('0'+i/10) | uint16('0'+i%10)<<8
	}
	return p
}()

var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// digits is how many digits v has. (The logarithm of base 2 times 1233/4096, which is that of 2 to base 10, is right or
// one too small.)
func digits(v uint64) int {
	n := bits.Len64(v|1) * 1233 >> 12
	if n < len(powers) && v >= powers[n] {
		n++
	}
	return max(n, 1)
}

// putUint writes v at the start of dst, which has room for it, and gives its length. It is strconv.AppendUint without
// the copy out of a buffer of its own.
func putUint(dst []byte, v uint64) int {
	n := digits(v)
	dst = dst[:n]
	for v >= 10_000 { // four digits at a time: divisions wait for each other
		q := v / 10_000
		four := uint32(v - 10_000*q)
		n -= 4
		binary.LittleEndian.PutUint16(dst[n:], pairs[four/100])
		binary.LittleEndian.PutUint16(dst[n+2:], pairs[four%100])
		v = q
	}
	if v >= 100 {
		binary.LittleEndian.PutUint16(dst[n-2:], pairs[v%100])
		v /= 100
	}
	if v >= 10 {
		binary.LittleEndian.PutUint16(dst, pairs[v])
	} else {
		dst[0] = '0' + byte(v)
	}
	return len(dst)
}

func putInt(dst []byte, v int64) int {
	if v >= 0 {
		return putUint(dst, uint64(v))
	}
	dst[0] = '-'
	return 1 + putUint(dst[1:], -uint64(v))
}

// putFloat writes the shortest text that reads back as v, whose size in bits is given.
func putFloat(dst []byte, v float64, size int) int {
	// Up to here whole numbers are written without an exponent; many columns of floats hold little else.
	if i := int64(v); -1e6 < v && v < 1e6 && float64(i) == v && i != 0 {
		return putInt(dst, i)
	}
	return len(strconv.AppendFloat(dst[:0], v, 'g', -1, size))
}
