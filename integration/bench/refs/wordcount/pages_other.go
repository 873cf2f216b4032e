//go:build !linux

package wordcount

// pages is where tables lie: the garbage-collected heap.
type pages struct{ huge bool }

func (*pages) slots(n int) []slot { return make([]slot, n) }
func (*pages) free([]slot)        {}
