//go:build race || !(amd64 || arm64)

package foldtable

// Adder gives a function that does what Add does, and calls full where Add would say so. Keys that do not lie in slots, and
// all while the table is Shut, go to other instead.
func (t *Table) Adder(other func(key string, v int64), full func()) func(key string, v int64) {
	return func(key string, v int64) {
		if uint(len(key)-1) >= t.open {
			other(key, v)
		} else if t.Add(key, v) {
			full()
		}
	}
}

// enqueue puts n keys, for which there is room, where they wait, as long as they fit there, and gives how many it put.
func (t *Table) enqueue(data []byte, at []int32, stride int, vals []int64, n int) (taken int) {
	for ; taken < n; taken++ {
		key := data[at[taken*stride]:at[taken*stride+1]]
		if uint(len(key)-1) >= maxInline {
			break
		}
		e := &t.queue[t.waits]
		t.waits++
		e.k0, e.k1, e.k2 = load(textOf(key))
		if e.val = 1; vals != nil {
			e.val = vals[taken]
		}
	}
	return taken
}
