//go:build race || !(amd64 || arm64)

package foldtable

// load makes a key of 1 to maxInline bytes the three words of a slot. The race detector must not see neighbours read.
func load(s string) (k0, k1, k2 uint64) { return loadSafe(s) }
