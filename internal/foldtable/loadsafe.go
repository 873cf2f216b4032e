package foldtable

import "encoding/binary"

// loadSafe is load by copying; it says what load must equal.
func loadSafe(s string) (lo, hi uint64) {
	var b [maxInline]byte
	copy(b[:], s)
	return binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])
}
