// Package wordcount counts the words of a file as programs without a framework do: once as everybody writes it, once as
// fast as one thread can, and once on several threads. The second is what a framework has to beat before its second
// core is worth anything; the third is what it could reach at best.
//
// The fast programs take text in ASCII: a word is a run of bytes above the blank. For letters and blanks that is what
// strings.Fields says. They are for little-endian processors. They owe their speed to five things, each in a file of its own or named there:
//
//   - tokens.go finds the end of a word eight bytes at a time, and a word of up to 16 bytes is two numbers from there on;
//   - table.go keeps the words themselves in its slots, so that a look is one cache line and no pointer is followed;
//   - counter.go answers two words of three from a front table that stays in the second-level cache,
//   - and looks up the rest in batches: the slots of a batch are touched before they are used, so that the processor
//     waits for many lines of memory at once instead of one after the other;
//   - pages_linux.go puts the table on huge pages, as the words of a text touch more pages than the TLB holds.
package wordcount

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// Naive counts as everybody does: lines, strings.Fields, a map.
func Naive(r io.Reader) (map[string]int64, error) {
	counts := map[string]int64{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<30)
	for lines.Scan() {
		for _, w := range strings.Fields(lines.Text()) {
			counts[w]++
		}
	}
	return counts, lines.Err()
}

// Each calls f with all words and how often they came, in no order.
func (c *Counter) Each(f func(word []byte, count int64)) {
	c.settle()
	var word [wordSize]byte
	for i := range c.all.slots {
		if s := &c.all.slots[i]; s.count > 0 {
			f(s.bytes(&word), s.count)
		}
	}
	for w, n := range c.all.long {
		f([]byte(w), *n)
	}
}

// Write writes lines "word<TAB>count", in no order.
func (c *Counter) Write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	c.Each(func(word []byte, count int64) {
		line = append(append(line[:0], word...), '\t')
		line = append(strconv.AppendInt(line, count, 10), '\n')
		_, _ = b.Write(line) // a bufio.Writer keeps its first error for Flush
	})
	return b.Flush()
}
