package torture

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var mapOnlyCases = []Case{
	{Name: "only maps, empty input", Answer: "one empty part, and _SUCCESS", Run: mapOnlyEmpty},
	{Name: "only maps, odd lines", Answer: "the lines in the order of the input, however the files are cut", Run: mapOnlyOdd},
	{Name: "only maps, many splits at once", Answer: "the same, and a part for each split", Run: mapOnlyMany},
	{Name: "only maps, a line above max-record", Answer: "set aside and counted; its neighbours stay where they were", Run: mapOnlyAboveMax},
	{Name: "only maps, it dies half way", Answer: "every line once, in order; where it always dies the job fails, and leaves no part", Run: mapOnlyDies},
}

// oddLines is odd as the job "each" gives it: as tsv, in order.
var oddLines = []string{"one", "two", "", "", "\xff\xfe", "three\x00\x00", `lone\rcr`, ` \ttab\\`, "\xe2\x82", "\u2028", `last\r`}

// inOrder demands a job that is done, and its rows in this order over all parts; it gives the number of parts.
func (e ended) inOrder(want ...string) int {
	e.r.Helper()
	if !e.done() {
		return 0
	}
	parts, err := filepath.Glob(filepath.Join(e.out, "part-*"))
	if err != nil {
		e.r.Fatal(err)
	}
	var got []byte
	for _, p := range parts { // Glob sorts
		b, err := os.ReadFile(p)
		if err != nil {
			e.r.Fatal(err)
		}
		got = append(got, b...)
	}
	text := ""
	for _, row := range want {
		text += row + "\n"
	}
	if !bytes.Equal(got, []byte(text)) {
		e.r.Errorf("%.500q\nwant\n%.500q", got, text)
	}
	if _, err := os.Stat(filepath.Join(e.out, "_SUCCESS")); err != nil {
		e.r.Error(err)
	}
	e.tell()
	return len(parts)
}

func mapOnlyEmpty(r *room) {
	e := r.run("each", r.file("empty.txt", ""))
	if parts := e.inOrder(); parts != 1 {
		r.Errorf("%d parts, want 1", parts)
	}
	e.counted("map.records_in", 0)
	e.counted("map.rows_out", 0)
}

func mapOnlyOdd(r *room) {
	in := r.path("in")
	r.file("in/a.txt", odd) // its last line has no end, and b begins all the same
	r.file("in/b.txt", "")
	r.file("in/c.txt", odd)
	for _, size := range []string{"1B", "5B", "16B", "1KiB"} {
		e := r.run("each", in, "--split-size", size)
		e.inOrder(slices.Concat(oddLines, oddLines)...)
		e.counted("map.rows_out", int64(2*len(oddLines)))
	}
}

func mapOnlyMany(r *room) {
	var text strings.Builder
	var want []string
	for i := range 2000 {
		line := fmt.Sprintf("line %d", (i*7919)%2000)
		fmt.Fprintln(&text, line)
		want = append(want, line)
	}
	e := r.run("each", r.file("in.txt", text.String()), "--split-size", "1000B", "--slots", "4", "--memory", "64MiB")
	if parts, splits := e.inOrder(want...), (text.Len()+999)/1000; parts != splits {
		r.Errorf("%d parts, want %d", parts, splits)
	}
	// The same in fewer, and a job that writes nothing has its parts too.
	if parts := r.run("each", r.path("in.txt"), "--split-size", "1MiB").inOrder(want...); parts != 1 {
		r.Errorf("%d parts, want 1", parts)
	}
	if parts := r.run("none", r.path("in.txt"), "--split-size", "10KB").inOrder(); parts != (text.Len()+9999)/10_000 {
		r.Errorf("%d parts of a job that writes nothing", parts)
	}
}

func mapOnlyAboveMax(r *room) {
	long := strings.Repeat("x", 5000)
	in := r.file("max.txt", "z\n"+long+"\na\n"+long[:1000]+"\nm")
	for _, size := range []string{"700B", "1MiB"} {
		e := r.run("each", in, "--max-record", "1000B", "--split-size", size)
		e.inOrder("z", "a", long[:1000], "m")
		e.counted("map.bad_records", 1)
	}
	r.run("each", in, "--max-record", "1000B", "--max-bad-records", "1").inOrder("z", "a", long[:1000], "m")
	r.run("each", in, "--max-record", "1000B", "--max-bad-records", "0").fails(1, "max.txt", "at byte 2", "longer than the largest record, 1000 bytes")
}

func mapOnlyDies(r *room) {
	var want []string
	for i := range 3000 {
		want = append(want, fmt.Sprintf("line %d", i))
	}

	in := r.file("in.txt", strings.Join(want, "\n"))
	once := r.path("died")
	flags := []string{"--split-size", "10KB", "--slots", "2", "--memory", "64MiB"}
	e := r.run("each", in, append(flags, "--max-attempts", "4", "--", "-harm", "die", "-at", "500", "-once", once)...)
	e.inOrder(want...)
	if _, err := os.Stat(once); err != nil {
		r.Errorf("no plugin died: %v", err)
	}
	r.run("each", in, append(flags, "--max-attempts", "1", "--", "-harm", "die", "-at", "500")...).fails(1, "signal")
}
