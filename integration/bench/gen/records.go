package gen

import (
	"encoding/binary"
	"math/rand/v2"
)

// RecordSize and KeySize are the layout of what is sorted, in bytes; the key comes first.
const (
	RecordSize = 100
	KeySize    = 10
)

const hexDigits = "0123456789ABCDEF"

func newRecords(uint64) maker {
	return eachRecord(func(r *rand.PCG, rec []byte) {
		binary.LittleEndian.PutUint64(rec, r.Uint64())
		binary.LittleEndian.PutUint16(rec[8:], uint16(r.Uint64()))
	})
}

func newPrintable(uint64) maker {
	return eachRecord(func(r *rand.PCG, rec []byte) {
		for i := 0; i < KeySize; i += 5 {
			bits := r.Uint64()
			for j := range 5 {
				rec[i+j] = byte('!' + bits&0xfff*94>>12)
				bits >>= 12
			}
		}
		rec[RecordSize-1] = '\n'
	})
}

// eachRecord fills blocks with records whose payload tells the record's number; key writes the rest.
func eachRecord(key func(r *rand.PCG, rec []byte)) maker {
	return func(r *rand.PCG, block int, buf []byte, size int) []byte {
		number := uint64(block) * (blockSize / RecordSize)
		n := 0
		for ; n < size; n += RecordSize {
			rec := buf[n : n+RecordSize]
			var digits [8]byte
			for i := range digits {
				digits[i] = hexDigits[number>>(28-4*i)&15]
			}
			at := KeySize
			at += copy(rec[at:], digits[:])
			for fill := byte('a'); at < RecordSize; fill++ {
				for range min(10, RecordSize-at) {
					rec[at] = fill
					at++
				}
			}
			key(r, rec)
			number++
		}
		return buf[:n]
	}
}
