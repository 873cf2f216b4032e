package torture

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

var groupCases = []Case{
	{Name: "one key with 30 % of the rows", Answer: "every row once, in every shape of the job", Run: skew},
	{Name: "a group of 4x the memory", Answer: "streamed: exact, within memory", Bound: 2 * time.Minute, Disk: 1 << 30, Run: heavyGroup},
	{Name: "200,000 distinct keys", Answer: "every key once", Run: func(r *room) { distinctKeys(r, 200_000, "32MiB") }},
	{Name: "10,000,000 distinct keys", Answer: "every key once, within memory", Bound: 4 * time.Minute, Disk: 2 << 30, Large: true,
		Run: func(r *room) { distinctKeys(r, 10_000_000, "128MiB") }},
	{Name: "values of 10 MiB", Answer: "every value whole, through shuffle, reduce and output", Bound: 2 * time.Minute, Disk: 1 << 30,
		Run: func(r *room) { values(r, 10<<20, "128MiB") }},
	{Name: "values of 100 MiB", Answer: "the same", Bound: 4 * time.Minute, Disk: 8 << 30, Large: true,
		Run: func(r *room) { values(r, 100<<20, "1GiB") }},
	{Name: "a value that no batch can hold", Answer: "the job fails and names the record", Bound: 3 * time.Minute, Disk: 4 << 30, Large: true, Run: tooLarge},
}

func skew(r *room) {
	const rows = 100_000
	rng := rand.New(rand.NewPCG(1, 30))
	counts := map[string]int{}
	var text strings.Builder
	for i := range rows {
		key := "heavy"
		if rng.IntN(10) >= 3 {
			key = "k" + strconv.Itoa(rng.IntN(2000))
		}
		counts[key]++
		fmt.Fprintf(&text, "%s %d %d\n", key, i, i+1)
	}
	sums := map[string][2]int{}
	for l := range strings.Lines(text.String()) {
		f := strings.Fields(l)
		n, _ := strconv.Atoi(f[1]) // written above
		sums[f[0]] = [2]int{sums[f[0]][0] + 1, sums[f[0]][1] + n}
	}
	var want []string
	for k, s := range sums {
		want = append(want, fmt.Sprintf("%s\t%d\t%d", k, s[0], s[1]))
	}
	in := r.file("in.txt", text.String())
	for _, parts := range []string{"1", "7"} {
		e := r.run("groups", in, "--partitions", parts, "--split-size", "200KiB", "--memory", "32MiB", "--slots", "2")
		e.gives(want...)
		e.counted("reduce.records_in", rows)
	}
}

// heavyGroup has one key, whose values are four times as many bytes as memory.
func heavyGroup(r *room) {
	const memory, size, n = 32 << 20, 1 << 20, 128
	in := r.file("in.txt", strings.Repeat("heavy 1048576\n", n))
	flags := []string{"--memory", fmt.Sprint(memory), "--slots", "2", "--split-size", "300B", "--partitions", "2"}
	r.run("values", in, flags...).gives(times(valueRow("heavy", size), n))
	r.run("first", in, flags...).gives(valueRow("heavy", size))
	r.within(memory + 4*size)
}

// times is the row of "values" for n values as that of the given row.
func times(row string, n uint64) string {
	f := strings.Split(row, "\t")
	bytes, _ := strconv.ParseUint(f[2], 10, 64) // made by valueRow
	sum, _ := strconv.ParseUint(f[3], 16, 64)
	return fmt.Sprintf("%s\t%d\t%d\t%s", f[0], n, n*bytes, strconv.FormatUint(n*sum, 16))
}

// distinctKeys counts the numbers below n, each of which comes once.
func distinctKeys(r *room, n int, memory string) {
	const step = 10_000
	var text strings.Builder
	for from := 0; from < n; from += step {
		fmt.Fprintf(&text, "%d %d\n", from, from+step)
	}
	e := r.run("distinct", r.file("in.txt", text.String()), "--memory", memory, "--partitions", "3", "--split-size", "1KiB")
	if !e.done() {
		return
	}
	seen := make([]bool, n)
	parts, err := filepath.Glob(filepath.Join(e.out, "part-*"))
	if err != nil || len(parts) != 3 {
		r.Fatal(parts, err)
	}
	total := 0
	for _, part := range parts {
		total += r.tick(part, seen)
	}
	if total != n || slices.Contains(seen, false) {
		r.Errorf("%d rows, want %d, each number once", total, n)
	}
	mem, _ := strconv.Atoi(strings.TrimSuffix(memory, "MiB")) // ours
	r.within(int64(mem) << 20)
}

// tick ticks off the numbers in a part, which must be in order, and says how many they are.
func (r *room) tick(part string, seen []bool) (rows int) {
	f, err := os.Open(part)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	var last []byte
	for s := bufio.NewScanner(f); s.Scan(); rows++ {
		key, count, _ := bytes.Cut(s.Bytes(), []byte("\t"))
		n, err := strconv.Atoi(string(key))
		if err != nil || string(count) != "1" || n < 0 || n >= len(seen) || seen[n] || bytes.Compare(last, key) >= 0 {
			r.Fatalf("%s: row %q after %q", part, s.Text(), last)
		}
		seen[n] = true
		last = append(last[:0], key...)
	}
	return rows
}

// values sends large values all the way.
func values(r *room, size int, memory string) {
	keys := []string{"a", "bc", "def"}
	var text strings.Builder
	var want, whole []string
	for _, k := range keys {
		fmt.Fprintf(&text, "%s %d\n%s-small 10\n", k, size, k)
		want = append(want, valueRow(k, size), valueRow(k+"-small", 10))
		whole = append(whole, k+"\t"+string(filler(k, size)), k+"-small\t"+string(filler(k+"-small", 10)))
	}
	in := r.file("in.txt", text.String())
	flags := []string{"--memory", memory, "--slots", "1", "--partitions", "2"}
	for _, job := range []string{"values", "first"} {
		r.run(job, in, flags...).gives(want...)
	}
	r.Logf("up to here %d MiB", r.peak>>20)
	r.run("rows", in, flags...).gives(whole...)
}

func tooLarge(r *room) {
	in := r.file("in.txt", "small 1\nlarge 1200000000\n")
	r.run("values", in, "--memory", "1GiB", "--slots", "1", "--max-attempts", "1").fails(1, "in.txt", "byte 8")
}
