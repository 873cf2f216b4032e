package torture

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

// odd is a small text of everything that lines may hold.
const odd = "one\r\ntwo\n\n\r\n\xff\xfe\nthree\x00\x00\nlone\rcr\n \ttab\\\n\xe2\x82\n\u2028\nlast\r"

// oddRows is its answer: lines are bytes up to a line feed, less one carriage return before that; empty lines count; a
// last line needs no line feed, and then keeps its carriage return.
var oddRows = []string{"one\t1", "two\t1", "\t2", "\xff\xfe\t1", "three\x00\x00\t1", `lone\rcr` + "\t1", ` \ttab\\` + "\t1", "\xe2\x82\t1",
	"\u2028\t1", `last\r` + "\t1"}

var lineCases = []Case{
	{Name: "a split at every byte", Answer: "the same rows, however the file is cut", Run: everySplit},
	{Name: "lines of 64 KiB and around it", Answer: "each line whole, at every split size", Run: longLines},
	{Name: "a line of a batch and around it", Answer: "each line whole", Run: batchLines},
	{Name: "a line above max-record", Answer: "set aside and counted, named where it fails the job; its neighbours are untouched", Run: aboveMax},
	{Name: "an endless line in little memory", Answer: "set aside, in bounded memory", Bound: 2 * time.Minute, Disk: 2 << 30, Large: true, Run: endlessLine},
	{Name: "a line of 1 GiB", Answer: "read whole where --max-record allows it", Bound: 5 * time.Minute, Disk: 4 << 30, Large: true, Run: lineOfGiB},
}

func everySplit(r *room) {
	in := r.file("odd.txt", odd)
	for size := 1; size <= len(odd); size++ {
		r.run("lines", in, "--split-size", fmt.Sprint(size), "--partitions", "2").gives(oddRows...)
		if r.Failed() {
			r.Fatalf("at a split size of %d", size)
		}
	}
}

// linesOf writes a line of each length and gives what the job "sizes" says of them.
func (r *room) linesOf(name string, lengths ...int) (path string, rows []string) {
	r.Helper()
	var text strings.Builder
	for i, n := range lengths {
		line := strings.Repeat(string(rune('a'+i%26)), n)
		text.WriteString(line + "\n")
		rows = append(rows, sizeRow(line))
	}
	return r.file(name, text.String()), rows
}

func longLines(r *room) {
	in, want := r.linesOf("long.txt", 1<<16-2, 1<<16-1, 1<<16, 1<<16+1, 0, 1, 3<<16+7, 5)
	for _, size := range []string{"1000B", "64KiB", "65537B", "1MiB"} {
		r.run("sizes", in, "--split-size", size).gives(want...)
	}
}

func batchLines(r *room) {
	in, want := r.linesOf("batch.txt", 3, 1<<20-1, 1<<20, 7, 1<<20+1, 4<<20, 2, 9<<20)
	r.run("sizes", in, "--memory", "128MiB").gives(want...)
	r.run("sizes", in, "--split-size", "700KiB", "--slots", "3", "--memory", "256MiB").gives(want...)
}

func aboveMax(r *room) {
	in, want := r.linesOf("max.txt", 5, 1000, 1001, 7, 3<<20, 999)
	want = append(append(want[:2:2], want[3]), want[5])
	for _, size := range []string{"10KB", "1MiB", "16MiB"} {
		e := r.run("sizes", in, "--max-record", "1000B", "--split-size", size)
		e.gives(want...)
		e.counted("map.bad_records", 2)
		e.counted("map.records_in", 4)
	}
	r.run("sizes", in, "--max-record", "1000B", "--max-bad-records", "1").fails(1, "max.txt", "at byte 1007", "longer than the largest record, 1000 bytes")
}

// giant writes a file with a line of n bytes between two short ones.
func (r *room) giant(n int) (path string) {
	r.Helper()
	path = r.path("giant.txt")
	f, err := os.Create(path)
	if err != nil {
		r.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprint(w, "before\n")
	chunk := strings.Repeat("x", 1<<20)
	for ; n > 0; n -= len(chunk) {
		chunk = chunk[:min(n, len(chunk))]
		fmt.Fprint(w, chunk)
	}
	fmt.Fprint(w, "\nafter\n")
	if err := w.Flush(); err != nil {
		r.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.Fatal(err)
	}
	return path
}

func endlessLine(r *room) {
	in := r.giant(1 << 30)
	for _, split := range []string{"64MiB", "2GiB"} {
		e := r.run("lines", in, "--memory", "128MiB", "--slots", "2", "--split-size", split)
		e.gives("before\t1", "after\t1")
		e.counted("map.bad_records", 1)
	}
	r.within(128 << 20)
}

func lineOfGiB(r *room) {
	in := r.giant(1 << 30)
	e := r.run("sizes", in, "--memory", "4GiB", "--slots", "1", "--max-record", "1GiB", "--split-size", "256MiB")
	e.gives(sizeRow("before"), sizeRow("after"), sizeRow(strings.Repeat("x", 1<<30)))
	e.counted("map.bad_records", 0)
	r.within(4 << 30)
}
