package foldtable

import "unsafe"

// Folds makes the table fold values by f from here on; nil: it sums again. It must be empty. The first value of a key is
// taken as it is; f is associative and commutative. A panic of f ends what was being settled, and failed is told of it and
// of the key, which is valid during that call: the pairs that waited are dropped with it.
func (t *Table) Folds(f func(acc, v int64) int64, failed func(key []byte, panicked any)) {
	t.fold, t.failed = f, failed
}

// flushFold is flush with a call for each pair that has another: front hits take a branch, since there is a call anyway.
func (t *Table) flushFold() {
	var hashes [queueLen]uint64
	var missed [queueLen]uint8
	misses, seed, fold := 0, t.seed, t.fold
	waits := t.waits
	t.adds += uint64(waits)
	t.waits = 0
	defer t.guard()
	front := unsafe.Pointer(unsafe.SliceData(t.front))
	for i := range waits {
		e := &t.queue[i&(queueLen-1)]
		h := mix(e.k0, e.k1, e.k2, seed)
		hashes[i&(queueLen-1)] = h
		s := (*slot)(unsafe.Add(front, uintptr(h>>(64-frontBits))*slotSize))
		if (s.k0^e.k0)|(s.k1^e.k1)|(s.k2^e.k2) == 0 {
			t.at = e
			s.val = fold(s.val, e.val)
			continue
		}
		missed[misses&(queueLen-1)] = uint8(i)
		misses++
	}
	slots, shift := unsafe.Pointer(unsafe.SliceData(t.slots)), t.shift
	var touched uint64
	for _, i := range missed[:misses] {
		touched |= (*slot)(unsafe.Add(slots, uintptr(hashes[i]>>shift)*slotSize)).k2
	}
	t.touched = touched // as in flush
	for _, i := range missed[:misses] {
		e, h := &t.queue[i], hashes[i]
		t.at = e
		if s := (*slot)(unsafe.Add(front, uintptr(h>>(64-frontBits))*slotSize)); s.k2 == 0 {
			*s = *e
			continue
		}
		t.add(e, h)
	}
}

// guard tells of a panic of the function, met at the pair t.at.
func (t *Table) guard() {
	if t.fold == nil {
		return
	}
	if r := recover(); r != nil {
		var inline [3 * 8]byte
		t.failed(t.key(t.at, &inline), r)
		clear(t.front) // or a table that is drained now would keep it
	}
}

// guardKey is guard for a key that lies outside the slots.
func (t *Table) guardKey(key string) {
	if r := recover(); r != nil {
		t.failed([]byte(key), r)
	}
}
