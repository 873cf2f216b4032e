//go:build !race && (amd64 || arm64)

package foldtable

import "unsafe"

// Adder gives a function that is Add with every call unfolded, for a call costs as much as the queue: it calls full where
// Add would say so. Keys that do not lie in slots, and all while the table is Shut, go to other instead.
//
//go:nocheckptr
func (t *Table) Adder(other func(key string, v int64), full func()) func(key string, v int64) {
	return func(key string, v int64) {
		n, p := len(key), unsafe.Pointer(unsafe.StringData(key))
		if uint(n-1) >= t.open || uintptr(p)&4095 > 4096-16 { // as in load
			other(key, v)
			return
		}
		w := t.waits
		e, m := &t.queue[w&(queueLen-1)], &masks[n&maxInline]
		e.k0 = *(*uint64)(p) & m[0]
		e.k1 = *(*uint64)(unsafe.Add(p, 8))&m[1] | m[2]
		e.val = v
		t.waits = w + 1
		if w+1 < queueLen {
			return
		}
		t.flush()
		if t.full {
			full()
		}
	}
}
