package foldtable

import "encoding/binary"

// loadSafe is load by copying; it says what load must equal.
func loadSafe(s string) (k0, k1 uint64) {
	var b [16]byte
	copy(b[:maxInline], s)
	b[maxInline] = byte(len(s))
	return binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])
}
