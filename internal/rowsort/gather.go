package rowsort

import "github.com/mrctl/mrctl/internal/rows"

// group is how many pairs are touched at once: enough to keep all of a core's outstanding reads busy, few enough to be
// in its nearest cache still when they are copied. See BenchmarkSort.
const group = 32

const (
	line      = 64 // bytes of a cache line
	mostLines = 8  // of one pair that are touched: what follows them the core fetches by itself
)

// Peek says which partition the next pair is of, and how large it is, packed. ok is false at the end.
func (s *Sorter) Peek() (part, size int, ok bool) {
	if s.next == len(s.sorted) {
		return 0, 0, false
	}
	s.touch()
	e := &s.sorted[s.next]
	return int(e.part), rows.PackedLen(s.at(e)), true
}

// Gather appends the next pairs, packed, to dst: all of one partition and together at most limit bytes. n is how many
// there are; it is 0 at the end, and where the next pair alone is larger.
func (s *Sorter) Gather(dst []byte, limit int) (_ []byte, n int) {
	first := s.next
	for s.next < len(s.sorted) {
		s.touch()
		e := &s.sorted[s.next]
		if e.part != s.sorted[first].part {
			break
		}
		b := s.at(e)
		size := rows.PackedLen(b)
		if limit -= size; limit < 0 {
			break
		}
		dst = append(dst, b[:size]...)
		s.next++
	}
	return dst, s.next - first
}

// Next gives the next pair in order, packed, after Sort. The bytes stay valid until Reset. ok is false at the end.
func (s *Sorter) Next() (part int, packed []byte, ok bool) {
	if s.next == len(s.sorted) {
		return 0, nil, false
	}
	s.touch()
	e := &s.sorted[s.next]
	s.next++
	b := s.at(e)
	n := rows.PackedLen(b)
	return int(e.part), b[:n:n], true
}

// touch reads a byte of each line of the next pairs, where that has not been done, as if all were of the usual size.
// The reads depend on nothing but the index, so that the core has many of them under way.
func (s *Sorter) touch() {
	if s.next < s.touched || s.big != nil {
		return
	}
	s.touched = min(s.next+group, len(s.sorted))
	last := s.off - 1
	usual := min(s.off/s.rows, mostLines*line)
	sum := s.sink
	for i := s.next; i < s.touched; i++ {
		pos := int(s.sorted[i].pos)
		for at := 0; at < usual; at += line {
			sum += s.mem[min(pos+at, last)]
		}
		sum += s.mem[min(pos+usual-1, last)]
	}
	s.sink = sum
}
