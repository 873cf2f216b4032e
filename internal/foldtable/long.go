package foldtable

import (
	"encoding/binary"
	"math/bits"
)

// addLong adds under a key that does not fit a slot: its bytes lie in the arena.
func (t *Table) addLong(key string, v int64) {
	t.adds++
	if t.fold != nil {
		defer t.guardKey(key)
	}
	if len(key) == 0 || len(key) > maxLong {
		t.addOver(key, v)
		return
	}
	h := t.hashLong(key)
	k2, n := longMark|h>>8, uint64(len(key))
	mask := uint64(len(t.slots) - 1)
	for i := h >> t.shift; ; i = next(i, h>>t.shift) & mask {
		s := &t.slots[i&mask]
		if s.k2 == 0 {
			*s = slot{k0: n | uint64(len(t.arena))<<24, k2: k2, val: v}
			t.arena = append(t.arena, key...)
			t.grew()
			t.full = t.full || t.crowded()
			return
		}
		if s.k2 == k2 && string(t.long(s)) == key {
			s.val = t.join(s.val, v)
			return
		}
	}
}

// long is the key of a slot that has it in the arena.
func (t *Table) long(s *slot) []byte {
	from := s.k0 >> 24
	return t.arena[from : from+s.k0&(1<<24-1)]
}

func (t *Table) addOver(key string, v int64) {
	old, had := t.over[key]
	if had {
		t.over[key] = t.join(old, v)
		return
	}
	if t.over == nil {
		t.over = map[string]int64{}
	}
	t.over[string(append([]byte(nil), key...))] = v
	t.overB += len(key)
	t.full = t.full || t.crowded()
}

func (t *Table) hashLong(s string) uint64 {
	h := t.seed ^ uint64(len(s))*0x9e3779b97f4a7c15
	i := 0
	for ; i+8 <= len(s); i += 8 {
		hi, lo := bits.Mul64(h^word(s, i), 0xa0761d6478bd642f)
		h = hi ^ lo
	}
	if i < len(s) {
		hi, lo := bits.Mul64(h^word(s, len(s)-8), 0xe7037ed1a0b428db)
		h = hi ^ lo
	}
	return h * 0xd6e8feb86659fd93
}

func word(s string, at int) uint64 {
	var b [8]byte
	copy(b[:], s[at:])
	return binary.LittleEndian.Uint64(b[:])
}
