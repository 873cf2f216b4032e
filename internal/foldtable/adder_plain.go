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
