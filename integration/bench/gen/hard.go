package gen

import "math/rand/v2"

// What is hard on memory: keys that never meet another, and rows that fill a batch by themselves.

// DistinctSize and LongSize are the bytes of a line of Distinct and of Long, its newline included.
const (
	DistinctSize = 17
	LongSize     = 500_000
)

const longKeys = 16

func newDistinct(seed uint64) maker {
	const lines = blockSize/DistinctSize + 1 // a block's share of the numbers
	return func(_ *rand.PCG, block int, buf []byte, size int) []byte {
		n := 0
		for number := uint64(block) * lines; n < size; number++ {
			word := scramble(number ^ seed)
			for i := range DistinctSize - 1 {
				buf[n+i] = byte('a' + word>>(4*i)&15)
			}
			buf[n+DistinctSize-1] = '\n'
			n += DistinctSize
		}
		return buf[:n]
	}
}

// scramble makes other numbers of numbers, no two of them alike: every step can be undone. (The finalizer of SplitMix64,
// Steele, Lea and Flood 2014.)
func scramble(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func newLong(uint64) maker {
	return func(r *rand.PCG, _ int, buf []byte, size int) []byte {
		n := 0
		for n < size {
			line := buf[n : n+max(min(LongSize, size-n), 16)]
			letters := r.Uint64()
			for i := range line {
				line[i] = byte('a' + letters>>(4*(i&15))&15)
			}
			line[0], line[1], line[2] = 'k', byte('a'+below(r, longKeys)), ' '
			line[len(line)-1] = '\n'
			n += len(line)
		}
		return buf[:n]
	}
}
