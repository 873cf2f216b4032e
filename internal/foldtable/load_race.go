//go:build race || !(amd64 || arm64)

package foldtable

// load reads a key of 1 to 16 bytes as two little-endian words. The race detector must not see neighbours read.
func load(s string) (lo, hi uint64) { return loadSafe(s) }
