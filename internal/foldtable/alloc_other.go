//go:build !linux

package foldtable

func allocate(n int) []slot { return make([]slot, n) }

func release([]slot) {}
