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
		if uint(n-1) >= t.open || uintptr(p)&4095 > 4096-24 { // as in load
			other(key, v)
			return
		}
		w := t.waits
		e, m := &t.queue[w&(queueLen-1)], &masks[n&31]
		e.k0 = *(*uint64)(p) & m[0]
		e.k1 = *(*uint64)(unsafe.Add(p, 8)) & m[1]
		e.k2 = *(*uint64)(unsafe.Add(p, 16))&m[2] | m[3]
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

// AddRanges adds v under data[from[i]:to[i]] for each i, in order. It stops when the table is full, and gives how many it
// has added. It is Add for many keys that lie in one text, with no call for each.
//
//go:nocheckptr
func (t *Table) AddRanges(data []byte, from, to []int32, v int64) (n int, full bool) {
	to = to[:len(from)]
	text := unsafe.String(unsafe.SliceData(data), len(data))
	for i, at := range from {
		key := text[at:to[i]]
		n, p := len(key), unsafe.Pointer(unsafe.StringData(key))
		if uint(n-1) >= maxInline || uintptr(p)&4095 > 4096-24 { // as in load
			if t.Add(key, v) {
				return i + 1, true
			}
			continue
		}
		w := t.waits
		e, m := &t.queue[w&(queueLen-1)], &masks[n&31]
		e.k0 = *(*uint64)(p) & m[0]
		e.k1 = *(*uint64)(unsafe.Add(p, 8)) & m[1]
		e.k2 = *(*uint64)(unsafe.Add(p, 16))&m[2] | m[3]
		e.val = v
		t.waits = w + 1
		if w+1 < queueLen {
			continue
		}
		if t.flush(); t.full {
			return i + 1, true
		}
	}
	return len(from), t.full
}
