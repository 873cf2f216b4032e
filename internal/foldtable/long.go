package foldtable

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// addLong folds under a key that does not fit a slot: its bytes lie in the arena.
func (t *Table) addLong(key string, v int64) {
	t.adds++
	if len(key) == 0 || len(key) > maxLong {
		t.addOver(key, v)
		return
	}
	h := t.hashLong(key)
	k0, n := word(key, 0), uint64(len(key))
	mask := uint64(len(t.slots) - 1)
	for i := h >> t.shift; ; i = (i + 1) & mask {
		s := &t.slots[i&mask]
		if s.meta == 0 {
			*s = slot{k0, h, v, n | uint64(len(t.arena))<<24}
			t.arena = append(t.arena, key...)
			t.grew()
			t.full = t.full || t.crowded()
			return
		}
		if s.k1 == h && s.k0 == k0 && s.meta&lenMask == n {
			if at := s.meta >> 24; string(t.arena[at:at+n]) == key {
				s.val = t.fold(s.val, v)
				return
			}
		}
	}
}

func (t *Table) addOver(key string, v int64) {
	old, had := t.over[key]
	if had {
		t.over[key] = t.fold(old, v)
		return
	}
	if t.over == nil {
		t.over = map[string]int64{}
	}
	t.over[string(append([]byte(nil), key...))] = v
	t.overB += len(key)
	t.full = t.full || t.crowded()
}

func word(s string, at int) uint64 {
	var b [8]byte
	copy(b[:], s[at:])
	return binary.LittleEndian.Uint64(b[:])
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

func (t *Table) fold(a, b int64) int64 {
	switch t.op {
	case Min:
		return min(a, b)
	case Max:
		return max(a, b)
	case SumFloat, MinFloat, MaxFloat:
		return foldFloat(t.op, a, b)
	default:
		return a + b
	}
}

// foldFloat folds values that are the bits of floats. NaN is contagious in all three, as with Go's min and max.
func foldFloat(op Op, a, b int64) int64 {
	x, y := math.Float64frombits(uint64(a)), math.Float64frombits(uint64(b))
	switch op {
	case MinFloat:
		x = min(x, y)
	case MaxFloat:
		x = max(x, y)
	default:
		x += y
	}
	return int64(math.Float64bits(x))
}
