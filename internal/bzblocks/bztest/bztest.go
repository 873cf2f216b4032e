// Package bztest writes bzip2, for tests: in blocks as small as is asked for, so that an archive of a few bytes can be cut.
// It cares for neither speed nor size. The format is not specified but by its program; this follows what its decompressors
// take.
package bztest

import (
	"math/bits"
	"slices"
)

const (
	blockMagic = 0x314159265359
	endMagic   = 0x177245385090
	groupSize  = 50 // symbols that share a selector
	longestRun = 255
)

// Compress gives an archive of text, in blocks of at most size bytes (4 to 900,000) once runs in them have been shortened.
func Compress(text []byte, size int) []byte {
	var w writer
	for _, c := range []byte("BZh9") {
		w.put(uint64(c), 8)
	}
	var all uint32
	for len(text) > 0 {
		block, n := shorten(text, max(4, size)-1) // one byte may follow: the count of a run
		sum := checksum(text[:n])
		w.block(block, sum)
		all = bits.RotateLeft32(all, 1) ^ sum
		text = text[n:]
	}
	w.put(endMagic, 48)
	w.put(uint64(all), 32)
	w.put(0, (8-w.have)%8)
	return w.out
}

// shorten puts runs of four and more as four and a count, up to size bytes of them; n is how much of the text that is.
func shorten(text []byte, size int) (block []byte, n int) {
	for n < len(text) && len(block) < size {
		run := 1
		for n+run < len(text) && run < longestRun && text[n+run] == text[n] {
			run++
		}
		if room := size - len(block); run < 4 || room < 4 {
			run = min(run, room)
			block = append(block, text[n:n+run]...)
		} else {
			block = append(append(block, text[n:n+4]...), byte(run-4))
		}
		n += run
	}
	return block, n
}

// checksum is CRC-32 with the highest bit first.
func checksum(b []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range b {
		sum ^= uint32(c) << 24
		for range 8 {
			top := sum >> 31
			sum = sum<<1 ^ top*0x04c11db7
		}
	}
	return ^sum
}

// rotate sorts the rotations of b, by ranks of ever longer beginnings, and gives the last column and the place of b itself.
func rotate(b []byte) (last []byte, origin int) {
	n := len(b)
	order, rank, next := make([]int, n), make([]int, n), make([]int, n)
	for i := range n {
		order[i], rank[i] = i, int(b[i])
	}
	for known := 1; ; known *= 2 {
		compare := func(i, j int) int {
			if rank[i] != rank[j] {
				return rank[i] - rank[j]
			}
			return rank[(i+known)%n] - rank[(j+known)%n]
		}
		slices.SortFunc(order, compare)
		different := 0
		for k, i := range order {
			if k > 0 && compare(order[k-1], i) != 0 {
				different++
			}
			next[i] = different
		}
		rank, next = next, rank
		if different == n-1 || known >= n {
			break
		}
	}
	for k, i := range order {
		last = append(last, b[(i+n-1)%n])
		if i == 0 {
			origin = k
		}
	}
	return last, origin
}

// writer writes bits, the highest first.
type writer struct {
	out  []byte
	acc  uint64
	have int // bits of acc that are not in out yet, less than 8
}

func (w *writer) put(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		w.acc = w.acc<<1 | v>>i&1
		if w.have++; w.have == 8 {
			w.out, w.have = append(w.out, byte(w.acc)), 0
		}
	}
}

func (w *writer) block(block []byte, sum uint32) {
	last, origin := rotate(block)
	w.put(blockMagic, 48)
	w.put(uint64(sum), 32)
	w.put(0, 1) // not randomised
	w.put(uint64(origin), 24)
	var used [256]bool
	for _, c := range last {
		used[c] = true
	}
	kinds := w.kinds(used)
	symbols := movedToFront(last, kinds)

	// Two tables, which are the same, because there are no fewer.
	w.put(2, 3)
	groups := (len(symbols) + groupSize - 1) / groupSize
	w.put(uint64(groups), 15)
	w.put(0, groups) // the first, each time
	lengths := codeLengths(len(kinds) + 2)
	for range 2 {
		w.lengths(lengths)
	}
	codes := codesOf(lengths)
	for _, s := range symbols {
		w.put(codes[s], lengths[s])
	}
}

// kinds writes which bytes there are, and lists them.
func (w *writer) kinds(used [256]bool) (list []byte) {
	for row := range 16 {
		w.put(bit(slices.Contains(used[16*row:16*row+16], true)), 1)
	}
	for row := range 16 {
		if !slices.Contains(used[16*row:16*row+16], true) {
			continue
		}
		for c := 16 * row; c < 16*row+16; c++ {
			w.put(bit(used[c]), 1)
			if used[c] {
				list = append(list, byte(c))
			}
		}
	}
	return list
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// lengths writes those of a table, each as the difference from the one before.
func (w *writer) lengths(list []int) {
	at := list[0]
	w.put(uint64(at), 5)
	for _, n := range list {
		for ; at < n; at++ {
			w.put(0b10, 2)
		}
		for ; at > n; at-- {
			w.put(0b11, 2)
		}
		w.put(0, 1)
	}
}

// movedToFront are the symbols of a block: how long ago each byte was there last, runs of the last one as numbers in digits
// 1 and 2, and the end.
func movedToFront(last, kinds []byte) (symbols []int) {
	recent := slices.Clone(kinds)
	zeros := 0
	flush := func() {
		for ; zeros > 0; zeros = (zeros - 1) / 2 {
			symbols = append(symbols, (zeros-1)%2)
		}
	}
	for _, c := range last {
		at := slices.Index(recent, c)
		if at == 0 {
			zeros++
			continue
		}
		flush()
		symbols = append(symbols, at+1)
		copy(recent[1:at+1], recent[:at])
		recent[0] = c
	}
	flush()
	return append(symbols, len(kinds)+1)
}

// codeLengths are those of n codes about equally long, of which none is spare.
func codeLengths(n int) []int {
	long := bits.Len(uint(n - 1))
	list := make([]int, n)
	for i := range list {
		if list[i] = long; i < 1<<long-n {
			list[i] = long - 1
		}
	}
	return list
}

// codesOf numbers codes of lengths that do not fall.
func codesOf(lengths []int) []uint64 {
	codes := make([]uint64, len(lengths))
	for i := 1; i < len(lengths); i++ {
		codes[i] = (codes[i-1] + 1) << (lengths[i] - lengths[i-1])
	}
	return codes
}
