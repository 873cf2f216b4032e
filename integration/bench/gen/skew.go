package gen

import (
	"math/rand/v2"
)

const (
	skewKeys  = 100_000
	skewShare = 30 // per cent of the rows that the first key has
)

func newUniform(uint64) maker { return rowsOf(0) }
func newSkewed(uint64) maker  { return rowsOf(skewShare) }

// rowsOf makes rows "k00000000 value", of 80 to 120 bytes. share per cent of them have the first key.
func rowsOf(share int) maker {
	return func(r *rand.PCG, _ int, buf []byte, size int) []byte {
		n := 0
		for n < size {
			key := below(r, skewKeys)
			if below(r, 100) < share {
				key = 0
			}
			buf[n] = 'k'
			for i := 8; i > 0; i-- {
				buf[n+i] = byte('0' + key%10)
				key /= 10
			}
			buf[n+9] = ' '
			n += 10
			letters := r.Uint64()
			for i := range 70 + below(r, 41) {
				buf[n] = byte('a' + letters>>(4*(i&15))&15)
				n++
			}
			buf[n] = '\n'
			n++
		}
		return buf[:n]
	}
}
