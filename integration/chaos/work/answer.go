package work

import (
	"hash/crc64"
	"slices"
	"strconv"
	"strings"
)

// Answer is what the job must give.
type Answer struct {
	Rows     []string         // lines of the output, sorted; of Picks in the order of the input
	Aside    []string         // of Picks: lines of its named output, in the same order
	Counters map[string]int64 // some of them, by name
}

// Answer works it out with one loop and a map.
func (s Spec) Answer() Answer {
	var a Answer
	var records, bytes, pairs int64
	sums := map[string][]int64{} // the columns after the key
	for file := range s.Files {
		for line := range s.lines(file) {
			records++
			bytes += int64(len(line)) + 1
			pairs += s.count(line, sums)
		}
	}
	switch s.Kind {
	case Stages:
		return s.joined(sums, records, bytes)
	case Picks:
		return s.picked(records, bytes)
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
	a.Counters = map[string]int64{
		"map.records_in": records, "map.bytes_in": bytes, "map.pairs_out": pairs, "user.seen": records, "map.bad_records": 0,
		"reduce.rows_out": int64(len(a.Rows)),
	}
	if combines := s.Kind == Words || s.Kind == Logs; !combines { // else fewer rows than pairs may reach the reduces
		a.Counters["map.rows_out"], a.Counters["reduce.records_in"] = pairs, pairs
	}
	return a
}

// picked is the answer of Picks.
func (s Spec) picked(records, bytes int64) (a Answer) {
	for file := range s.Files {
		for line := range s.lines(file) {
			if row, aside := pick(line); aside {
				a.Aside = append(a.Aside, row)
			} else {
				a.Rows = append(a.Rows, row)
			}
		}
	}
	rows := int64(len(a.Rows))
	a.Counters = map[string]int64{
		"map.records_in": records, "map.bytes_in": bytes, "map.pairs_out": rows, "map.rows_out": rows, "map.bad_records": 0,
		"user.seen": records, "output.aside.rows": int64(len(a.Aside)),
	}
	return a
}

// pick makes a line of Picks a row, and says whether it goes to the named output.
func pick(line string) (row string, aside bool) {
	name, number, _ := strings.Cut(line, " ")
	return name + ":" + number, len(line)%3 == 0
}

// joined is the answer of the second stage of Stages to the sums of the first, whose every record was a pair.
func (s Spec) joined(sums map[string][]int64, records, bytes int64) (a Answer) {
	users, pairs := int64(len(sums)), int64(len(sums))
	for line := range s.names() {
		pairs++
		user, name, _ := strings.Cut(line, " ")
		if sum := sums[user]; sum != nil {
			a.Rows = append(a.Rows, user+"\t"+name+"\t"+strconv.FormatInt(sum[0], 10)+"\t"+strconv.FormatInt(sum[1], 10))
		}
	}
	slices.Sort(a.Rows)
	a.Counters = map[string]int64{
		"stage1.map.records_in": records, "stage1.map.bytes_in": bytes, "stage1.map.pairs_out": records, "stage1.map.bad_records": 0,
		"stage1.reduce.rows_out": users, "user.seen": records + users,
		"map.records_in": pairs, "map.pairs_out": pairs, "map.rows_out": pairs, "map.bad_records": 0,
		"reduce.records_in": pairs, "reduce.rows_out": int64(len(a.Rows)),
	}
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
	case Stages:
		add(f[0], 1, number(1))
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
