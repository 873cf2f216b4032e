//go:build !race && (amd64 || arm64)

package foldtable

import "unsafe"

// masks has, by length, what to keep of the bytes of a key, and its length where a slot has it.
var masks = func() (m [32][4]uint64) {
	for n := range maxInline + 1 {
		for i := range n {
			m[n][i/8] |= 0xff << (8 * (i % 8))
		}
		m[n][3] = uint64(n) << 56
	}
	return m
}()

// load makes a key of 1 to maxInline bytes the three words of a slot. It reads 24 bytes wherever that stays on the page,
// which cannot fault, and masks what is not the key's: a copy by length costs more than the probe.
//
//go:nocheckptr
func load(s string) (k0, k1, k2 uint64) {
	p := unsafe.Pointer(unsafe.StringData(s))
	if uintptr(p)&4095 > 4096-24 {
		return loadSafe(s)
	}
	m := &masks[len(s)]
	return *(*uint64)(p) & m[0], *(*uint64)(unsafe.Add(p, 8)) & m[1], *(*uint64)(unsafe.Add(p, 16))&m[2] | m[3]
}
