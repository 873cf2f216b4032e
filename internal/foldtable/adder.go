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

// enqueue puts n keys, for which there is room, where they wait, as long as they fit there, and gives how many it put. It
// is the loop of AddAll, with no call for a key.
//
//go:nocheckptr
func (t *Table) enqueue(data []byte, at []int32, stride int, vals []int64, n int) (taken int) {
	w, place, v := t.waits, 0, int64(1)
	for i := range n {
		key := data[at[place]:at[place+1]]
		place += stride
		n, p := len(key), unsafe.Pointer(unsafe.SliceData(key))
		if uint(n-1) >= maxInline {
			break
		}
		if vals != nil {
			v = vals[i]
		}
		e, m := &t.queue[w&(queueLen-1)], &masks[n&31]
		w++
		e.val = v
		if uintptr(p)&4095 > 4096-24 { // as in load
			e.k0, e.k1, e.k2 = loadSafe(textOf(key))
			continue
		}
		e.k0 = *(*uint64)(p) & m[0]
		e.k1 = *(*uint64)(unsafe.Add(p, 8)) & m[1]
		e.k2 = *(*uint64)(unsafe.Add(p, 16))&m[2] | m[3]
	}
	taken, t.waits = w-t.waits, w
	return taken
}
