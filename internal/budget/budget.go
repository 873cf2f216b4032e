// Package budget counts the bytes that the buffers of one attempt hold against its share of the worker's memory.
//
// It counts and refuses; it never waits. Who is refused spills, writes to scratch or merges fewer runs at a time, so
// that no two parts of an attempt can wait for each other's memory.
package budget

import "sync/atomic"

// Budget is a share of memory in bytes. A nil *Budget counts nothing and refuses nothing. It is safe for concurrent use.
type Budget struct {
	limit      int64   // fixed; 0: none
	whole      *Budget // what this is a part of; may be nil
	used, peak atomic.Int64
}

// New makes a budget of limit bytes; 0 or less is no limit, only a count.
func New(limit int64) *Budget { return &Budget{limit: max(limit, 0)} }

// Part makes a budget of limit bytes whose counts count in b too. It is refused by its own limit alone: the parts of a
// budget are what it was divided into.
func (b *Budget) Part(limit int64) *Budget {
	p := New(limit)
	p.whole = b
	return p
}

// Take counts n bytes whether or not they fit: for what must be had to go on at all. n may be negative, as Give.
func (b *Budget) Take(n int64) {
	if b == nil {
		return
	}
	b.raise(b.used.Add(n))
	b.whole.Take(n)
}

// Try counts n bytes if they fit, and says whether they did.
func (b *Budget) Try(n int64) bool {
	if b == nil {
		return true
	}
	for {
		used := b.used.Load()
		if b.limit > 0 && used+n > b.limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			b.raise(used + n)
			b.whole.Take(n)
			return true
		}
	}
}

// Give takes n bytes off the count.
func (b *Budget) Give(n int64) {
	if b != nil {
		b.used.Add(-n)
		b.whole.Give(n)
	}
}

// Used is what is counted now, in bytes.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// Peak is the most that was ever counted at once, in bytes.
func (b *Budget) Peak() int64 {
	if b == nil {
		return 0
	}
	return b.peak.Load()
}

func (b *Budget) raise(to int64) {
	for p := b.peak.Load(); to > p; p = b.peak.Load() {
		if b.peak.CompareAndSwap(p, to) {
			return
		}
	}
}
