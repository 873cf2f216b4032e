package foldtable

import "encoding/binary"

// loadSafe is load by copying; it says what load must equal.
func loadSafe(s string) (k0, k1, k2 uint64) {
	var b [3 * 8]byte
	copy(b[:maxInline], s)
	b[maxInline] = byte(len(s))
	le := binary.LittleEndian
	return le.Uint64(b[:]), le.Uint64(b[8:]), le.Uint64(b[16:])
}
