package wordcount

import (
	"math/bits"
	"unsafe"
)

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// Add counts the words of text, which begins and ends between words.
func (c *Counter) Add(text []byte) {
	queued := 0
	i := 0
	p := unsafe.Pointer(unsafe.SliceData(text))
	// Both numbers of a word lie inside text: no read is checked, which is worth 6 % of the whole program.
	for i+24 <= len(text) {
		if queued == batch {
			c.count(batch)
			queued = 0
		}
		lo := *(*uint64)(unsafe.Add(p, i))
		if blank := firstBlank(lo); blank != 0 {
			bit := uint(bits.TrailingZeros64(blank)) &^ 7 // where in lo the blank byte begins
			if bit == 0 {
				i++
				continue
			}
			k := key{lo: lo & (1<<bit - 1)}
			c.queue[queued] = token{k, k.hash()}
			queued++
			i += int(bit/8) + 1
			continue
		}
		hi := *(*uint64)(unsafe.Add(p, i+8))
		if blank := firstBlank(hi); blank != 0 {
			bit := uint(bits.TrailingZeros64(blank)) &^ 7
			k := key{lo, hi & (1<<bit - 1)}
			c.queue[queued] = token{k, k.hash()}
			queued++
			i += 8 + int(bit/8) + 1
			continue
		}
		end := wordEnd(text, i+16)
		c.slow(text[i:end])
		i = end + 1
	}
	c.count(queued)
	for i < len(text) {
		end := wordEnd(text, i)
		c.slow(text[i:end])
		i = end + 1
	}
}

// firstBlank gives a number whose lowest set bit lies in the first byte of x that is at most a blank; 0 when there is
// none. Above the lowest, bits may be set wrongly, by the borrow of the subtraction.
func firstBlank(x uint64) uint64 { return (x - (' '+1)*ones) & ^x & tops }

func wordEnd(text []byte, i int) int {
	for i < len(text) && text[i] > ' ' {
		i++
	}
	return i
}

// slow counts one word of any length.
func (c *Counter) slow(word []byte) {
	switch {
	case len(word) == 0:
	case len(word) <= wordSize:
		k := keyOf(word)
		c.all.add(k, k.hash(), 1)
	default:
		c.all.addLong(word, 1)
	}
}
