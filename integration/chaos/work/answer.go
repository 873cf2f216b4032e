package work

import (
	"hash/crc64"
	"slices"
	"strconv"
	"strings"
)

// Answer is what the job must give.
type Answer struct {
	Rows     []string // lines of the output, sorted
	Records  int64    // of input
	Bytes    int64    // of input
	Pairs    int64    // that the maps emit
	Combines bool     // so that fewer rows than pairs may reach the reduces
}

// Answer works it out with one loop and a map.
func (s Spec) Answer() Answer {
	a := Answer{Combines: s.Kind == Words || s.Kind == Logs}
	sums := map[string][]int64{} // the columns after the key
	for file := range s.Files {
		for line := range s.lines(file) {
			a.Records++
			a.Bytes += int64(len(line)) + 1
			a.Pairs += s.count(line, sums)
		}
	}
	for key, columns := range sums {
		row := key
		if s.Kind == Sort { // no columns but the key, as often as it came
			for range columns[0] {
				a.Rows = append(a.Rows, row)
			}
			continue
		}
		for _, c := range columns {
			row += "\t" + strconv.FormatInt(c, 10)
		}
		a.Rows = append(a.Rows, row)
	}
	slices.Sort(a.Rows)
	return a
}

// count adds one record to the sums and says how many pairs it is.
func (s Spec) count(line string, sums map[string][]int64) (pairs int64) {
	add := func(key string, columns ...int64) []int64 {
		if sums[key] == nil {
			sums[key] = make([]int64, 3)[:len(columns)]
		}
		for i, c := range columns {
			sums[key][i] += c
		}
		pairs++
		return sums[key]
	}
	f := strings.Fields(line)
	number := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n } // we made it
	switch s.Kind {
	case Words:
		for _, w := range f {
			add(w, 1)
		}
	case Logs:
		failed := int64(0)
		if number(1) >= 500 {
			failed = 1
		}
		add(f[0], 1, failed, number(2))
	case Sort:
		add(line, 1)
	case Skew:
		add(f[0], 1, number(1), 0)[2] ^= number(1)
	case Big:
		add(f[0], 1, number(1), 0)[2] ^= check(filler(int(number(1)), int(number(2))))
	}
	return pairs
}

// filler makes the large value of a record.
func filler(size, n int) []byte {
	b := make([]byte, size)
	x := uint64(n)*0x9e3779b97f4a7c15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

var table = crc64.MakeTable(crc64.ECMA)

func check(b []byte) int64 { return int64(crc64.Checksum(b, table) >> 1) }
