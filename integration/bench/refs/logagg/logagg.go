// Package logagg adds up an access log in combined format by status and path, as a program without a framework does:
// once as everybody writes it, once as fast as one thread can.
//
// The fast program looks for the four bytes of a line that matter with bytes.IndexByte, which is vectorised, touches
// nothing else of it, and keeps its sums in a table with open addressing whose keys lie one after the other in one slice.
package logagg

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Key is what lines are grouped by.
type Key struct {
	Status, Path string
}

// Sums are added up for a key.
type Sums struct {
	Hits, Bytes int64
}

// Naive adds up as everybody does: lines, strings.Fields, a map. Lines with too few fields are left out; a size that is
// no number counts as 0.
func Naive(r io.Reader) (map[Key]Sums, error) {
	all := map[Key]Sums{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<30)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 {
			continue
		}
		n, err := strconv.ParseInt(f[9], 10, 64)
		if err != nil {
			n = 0
		}
		s := all[Key{f[8], f[6]}]
		s.Hits++
		s.Bytes += n
		all[Key{f[8], f[6]}] = s
	}
	return all, lines.Err()
}

// Table holds the sums of a fast run.
type Table struct {
	places []uint64 // of a power of two; 0 is free, else the upper half of the key's hash and the index of its entry plus 1
	shift  uint
	keys   []byte // of all entries, one after the other
	entries
}

type entries []struct {
	end    uint32 // of the key's path in keys; it begins where the one before ends
	status uint32 // the three digits, as bytes of a number
	Sums
}

// NewTable makes an empty table.
func NewTable() *Table { return newTable(21) }

func newTable(log2 uint) *Table { return &Table{places: make([]uint64, 1<<log2), shift: 64 - log2} }

// Read adds up a log. A last line without a newline is a line.
func (t *Table) Read(r io.Reader) error {
	buf := make([]byte, 1<<20)
	held := 0 // bytes of buf that begin a line whose end is not read yet
	for {
		n, err := r.Read(buf[held:])
		held += n
		if errors.Is(err, io.EOF) {
			if held > 0 && buf[held-1] != '\n' {
				t.line(buf[:held])
				return nil
			}
		} else if err != nil {
			return err
		}
		whole := bytes.LastIndexByte(buf[:held], '\n') + 1
		for rest := buf[:whole]; len(rest) > 0; {
			end := bytes.IndexByte(rest, '\n')
			t.line(rest[:end])
			rest = rest[end+1:]
		}
		if err != nil {
			return nil // the end, and all lines were whole
		}
		held = copy(buf, buf[whole:held])
		if held == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// line takes `client - - [time zone] "METHOD path HTTP/1.1" status size ...` apart.
func (t *Table) line(l []byte) {
	quote := bytes.IndexByte(l, '"')
	if quote < 0 {
		return
	}
	l = l[quote+1:]
	from := bytes.IndexByte(l, ' ') + 1
	size := bytes.IndexByte(l[from:], ' ')
	if from == 0 || size < 0 {
		return
	}
	path, l := l[from:from+size], l[from+size+1:]
	rest := bytes.IndexByte(l, ' ') + 1
	if rest == 0 || len(l) < rest+5 {
		return
	}
	l = l[rest:]
	bytesSent := int64(0)
	for _, c := range l[4:] {
		if c-'0' > 9 {
			break
		}
		bytesSent = bytesSent*10 + int64(c-'0')
	}
	t.add(uint32(l[0])|uint32(l[1])<<8|uint32(l[2])<<16, path, bytesSent)
}

// Write writes lines "status<TAB>path<TAB>hits<TAB>bytes", in no order.
func (t *Table) Write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	t.Each(func(k Key, s Sums) {
		line = append(append(append(line[:0], k.Status...), '\t'), k.Path...)
		line = append(strconv.AppendInt(append(line, '\t'), s.Hits, 10), '\t')
		line = append(strconv.AppendInt(line, s.Bytes, 10), '\n')
		_, _ = b.Write(line) // a bufio.Writer keeps its first error for Flush
	})
	return b.Flush()
}
