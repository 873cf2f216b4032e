//go:build race || !(amd64 || arm64)

package foldtable

import "unsafe"

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

// AddRanges adds v under data[from[i]:to[i]] for each i, in order. It stops when the table is full, and gives how many it
// has added. It is Add for many keys that lie in one text, with no call for each.
func (t *Table) AddRanges(data []byte, from, to []int32, v int64) (n int, full bool) {
	to = to[:len(from)]
	text := textOf(data)
	for i, at := range from {
		key := text[at:to[i]]
		if uint(len(key)-1) >= maxInline {
			if t.addLong(key, v); t.full {
				return i + 1, true
			}
			continue
		}
		w := t.waits
		e := &t.queue[w&(queueLen-1)]
		e.k0, e.k1, e.k2 = load(key)
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

func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
