//go:build !race && (amd64 || arm64)

package foldtable

import "unsafe"

var masks = func() (m [maxInline + 1][2]uint64) {
	for n := range m {
		for i := range n {
			m[n][i/8] |= 0xff << (8 * (i % 8))
		}
	}
	return m
}()

// load reads a key of 1 to 16 bytes as two little-endian words, zeros past its end. It reads 16 bytes wherever that
// stays on the page, which cannot fault, and masks what is not the key's: a copy by length costs more than the probe.
//
//go:nocheckptr
func load(s string) (lo, hi uint64) {
	p := unsafe.Pointer(unsafe.StringData(s))
	if uintptr(p)&4095 > 4096-16 {
		return loadSafe(s)
	}
	m := &masks[len(s)]
	return *(*uint64)(p) & m[0], *(*uint64)(unsafe.Add(p, 8)) & m[1]
}
