package logagg

import (
	"encoding/binary"
	"math/bits"
)

func (t *Table) add(status uint32, path []byte, n int64) {
	h := hash(path) ^ uint64(status)*0x9fb21c651e98df25
	mask := uint64(len(t.places) - 1)
	for i := h >> t.shift; ; i++ {
		switch p := t.places[i&mask]; {
		case p == 0:
			t.keys = append(t.keys, path...)
			t.entries = append(t.entries, struct {
				end    uint32
				status uint32
				Sums
			}{uint32(len(t.keys)), status, Sums{1, n}})
			t.places[i&mask] = h&^0xffffffff | uint64(len(t.entries))
			if len(t.entries) > len(t.places)/5*3 {
				t.grow()
			}
			return
		case p>>32 == h>>32:
			at := int(uint32(p)) - 1
			if e := &t.entries[at]; e.status == status && string(t.path(at)) == string(path) {
				e.Hits++
				e.Bytes += n
				return
			}
		}
	}
}

func (t *Table) path(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = t.entries[i-1].end
	}
	return t.keys[from:t.entries[i].end]
}

// grow doubles the number of places. The upper half of a hash is all that is needed to find the new one.
func (t *Table) grow() {
	bigger := newTable(64 - t.shift + 1)
	mask := uint64(len(bigger.places) - 1)
	for _, p := range t.places {
		if p == 0 {
			continue
		}
		i := p >> bigger.shift
		for bigger.places[i&mask] != 0 {
			i++
		}
		bigger.places[i&mask] = p
	}
	t.places, t.shift = bigger.places, bigger.shift
}

// hash mixes eight bytes a step. The last step reads back into bytes it has seen, so it needs no loop over single ones.
func hash(b []byte) uint64 {
	h := uint64(len(b)) * 0x9e3779b97f4a7c15
	if len(b) < 8 {
		var last [8]byte
		copy(last[:], b)
		return mix(h ^ binary.LittleEndian.Uint64(last[:]))
	}
	tail := binary.LittleEndian.Uint64(b[len(b)-8:])
	for ; len(b) > 8; b = b[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(b))
	}
	return mix(h ^ tail)
}

func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// Each calls f with all sums, in the order in which their keys came.
func (t *Table) Each(f func(Key, Sums)) {
	for i, e := range t.entries {
		status := []byte{byte(e.status), byte(e.status >> 8), byte(e.status >> 16)}
		f(Key{string(status), string(t.path(i))}, e.Sums)
	}
}
