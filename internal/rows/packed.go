package rows

import "encoding/binary"

// The packed form of a pair is uvarint key length, uvarint value length, key, value. It is what the engine sorts,
// spills and hashes: one pair is one stretch of memory, at two bytes above its content where both are short.

// MaxPackedHead is the most bytes the two lengths of a packed pair take.
const MaxPackedHead = 2 * binary.MaxVarintLen32

// AppendPacked adds a pair in packed form.
func AppendPacked(dst, key, val []byte) []byte {
	if len(key) < 0x80 && len(val) < 0x80 {
		dst = append(dst, byte(len(key)), byte(len(val)))
	} else {
		dst = binary.AppendUvarint(dst, uint64(len(key)))
		dst = binary.AppendUvarint(dst, uint64(len(val)))
	}
	dst = append(dst, key...)
	return append(dst, val...)
}

// PackedSize is how many bytes AppendPacked adds.
func PackedSize(key, val []byte) int {
	return uvarintLen(len(key)) + uvarintLen(len(val)) + len(key) + len(val)
}

// CutPacked reads the pair at the start of b; key and value alias b. n is the bytes it took, 0 when b is not a whole
// pair.
func CutPacked(b []byte) (key, val []byte, n int) {
	var k, v uint64
	h := 2
	if len(b) >= 2 && b[0]|b[1] < 0x80 {
		k, v = uint64(b[0]), uint64(b[1])
	} else {
		var i, j int
		if k, i = binary.Uvarint(b); i <= 0 {
			return nil, nil, 0
		}
		if v, j = binary.Uvarint(b[i:]); j <= 0 {
			return nil, nil, 0
		}
		h = i + j
	}
	rest := uint64(len(b) - h)
	if k > rest || v > rest-k {
		return nil, nil, 0
	}
	ke, ve := h+int(k), h+int(k)+int(v)
	return b[h:ke:ke], b[ke:ve:ve], ve
}

// PackedLen is how many bytes the pair at the start of b takes, 0 when b is not a whole pair.
func PackedLen(b []byte) int {
	if len(b) >= 2 && b[0]|b[1] < 0x80 {
		if n := 2 + int(b[0]) + int(b[1]); n <= len(b) {
			return n
		}
		return 0
	}
	_, _, n := CutPacked(b)
	return n
}

func uvarintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

// AppendCut adds, in packed form, the pair of a record whose key is rec[off:end]: its value is the rest, what stands
// before the key and then what comes after it.
func AppendCut(dst, rec []byte, off, end int) []byte {
	k, v := end-off, len(rec)-(end-off)
	if k < 0x80 && v < 0x80 {
		dst = append(dst, byte(k), byte(v))
	} else {
		dst = binary.AppendUvarint(dst, uint64(k))
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	if off == 0 {
		return append(dst, rec...)
	}
	dst = append(dst, rec[off:end]...)
	dst = append(dst, rec[:off]...)
	return append(dst, rec[end:]...)
}

// CutSize is how many bytes AppendCut adds.
func CutSize(rec []byte, off, end int) int {
	return uvarintLen(end-off) + uvarintLen(len(rec)-(end-off)) + len(rec)
}

// AppendUncut adds the record that AppendCut made a pair of. A value with fewer than off bytes is of no record; it is
// taken for all that stands before the key.
func AppendUncut(dst, key, val []byte, off int) []byte {
	off = min(off, len(val))
	dst = append(dst, val[:off]...)
	dst = append(dst, key...)
	return append(dst, val[off:]...)
}
