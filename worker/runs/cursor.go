package runs

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/rows"
)

// Range is a stretch of whole sections: of a file, or landed in memory. It explains itself: neither the index nor the
// rest of its file is needed to read it.
type Range struct {
	Name string // for errors
	Mem  []byte // the bytes; nil: they are in the file
	Path string
	File io.ReaderAt // Path, where it is open already; nil: a reader opens it
	Off  int64
	Len  int64
	Totals
	// Span, where it is not nil, is what of an ordered run is to be read: the range may hold more, before it and in the
	// section Last, which is its last one.
	Span *Span
	Last int
	// Done, if set, is called once, when the range has been read or given up: it removes a file, gives back memory.
	Done func()
}

// Need is the memory a reader of the range holds, in bytes, beside Mem.
func (r Range) Need() int64 {
	if r.Mem != nil {
		return int64(r.Raw)
	}
	return int64(r.Raw) + min(int64(r.Window), r.Len)
}

func (r Range) done() {
	if r.Done != nil {
		r.Done()
	}
}

// cursor reads the pairs of a range one after the other and checks every byte on the way. It opens its file when the
// first pair is asked for.
type cursor struct {
	r      Range
	memory *budget.Budget
	held   int64
	unpack *unpacker

	file   io.ReaderAt
	opened *os.File // file, where it was opened here
	window []byte   // bytes of the range from next on, as far as they are in memory
	buf    []byte   // what window slides in, when the range is a file's
	at     int64    // bytes of the range that have been put into window
	raw    []byte   // for compressed blocks

	open   bool   // inside a section
	inSpan bool   // the first pair of the range's Span has been met
	below  bool   // one below it has
	part   uint32 // the section, or the last one
	as     int    // the partition that its pairs are of: the same, but for a Span
	any    bool   // a section was seen
	number uint32 // of the next block
	rows   int64  // of the section so far
	left   uint32 // rows still in rest
	rest   []byte // unread pairs of the block

	pair Pair
}

// next moves to the next pair; false is the end of the range.
func (c *cursor) next() (bool, error) {
	for c.left == 0 {
		more, err := c.section()
		if !more || err != nil {
			return false, err
		}
	}
	key, val, n := rows.CutPacked(c.rest)
	if n == 0 || (c.left == 1) != (n == len(c.rest)) {
		return false, c.corrupt("pairs do not fill the block")
	}
	c.pair = Pair{Part: c.as, Key: key, Val: val, Packed: c.rest[:n:n]}
	c.rest = c.rest[n:]
	c.left--
	return true, nil
}

// section reads one block, or one seal.
func (c *cursor) section() (more bool, err error) {
	if c.at == c.r.Len && len(c.window) == 0 {
		if c.open {
			return false, c.corrupt("ends without its seal")
		}
		return false, nil
	}
	b, err := c.need(headSize)
	if err != nil {
		return false, err
	}
	h, err := parseHead(b)
	if err != nil {
		return false, c.corrupt(err.Error())
	}
	size := headSize + int(h.stored) + crcSize
	if h.kind == kindBlock && size > c.r.Window {
		return false, c.corrupt("a block is larger than its section says")
	}
	if b, err = c.need(size); err != nil {
		return false, err
	}
	if crc32.Checksum(b[:size-crcSize], castagnoli) != binary.LittleEndian.Uint32(b[size-crcSize:]) {
		return false, c.corrupt("checksum differs")
	}
	c.window = c.window[size:]
	body := b[headSize : size-crcSize]
	if err := c.follows(h, body); err != nil || h.kind == kindSeal {
		return true, err
	}
	if Codec(h.codec) != None {
		if int(h.raw) > c.r.Raw {
			return false, c.corrupt("a block unpacks to more than its section says")
		}
		if cap(c.raw) < int(h.raw) {
			c.raw = make([]byte, c.r.Raw)
			c.count()
		}
		raw := c.raw[:h.raw]
		if err := c.unpack.unpack(Codec(h.codec), body, raw); err != nil {
			return false, c.corrupt(err.Error())
		}
		body = raw
	}
	c.rest, c.left = body, h.rows
	c.rows += int64(h.rows)
	if c.r.Span != nil {
		return true, c.clip()
	}
	return true, nil
}

// follows checks that h is what must come next.
func (c *cursor) follows(h head, body []byte) error {
	if !c.open {
		if c.any && h.part <= c.part {
			return c.corrupt("partitions out of order")
		}
		c.open, c.any, c.part, c.number, c.rows, c.as = true, true, h.part, 0, 0, int(h.part)
		if c.r.Span != nil {
			c.as = c.r.Span.Part
		}
	}
	if h.part != c.part || h.number != c.number {
		return c.corrupt("blocks out of order")
	}
	if h.kind == kindSeal {
		c.open = false
		if parseTotals(body).Rows != c.rows {
			return c.corrupt("seal counts other rows")
		}
		return nil
	}
	if h.rows == 0 || h.raw == 0 {
		return c.corrupt("empty block")
	}
	c.number++
	return nil
}

// need makes the next n bytes of the range contiguous in memory.
func (c *cursor) need(n int) ([]byte, error) {
	if len(c.window) >= n {
		return c.window[:n], nil
	}
	if c.r.Mem != nil {
		if c.at == 0 && c.r.Len <= int64(len(c.r.Mem)) {
			c.window, c.at = c.r.Mem[:c.r.Len], c.r.Len
		}
	} else if err := c.fill(n); err != nil {
		return nil, err
	}
	if len(c.window) < n {
		return nil, c.corrupt("ends early")
	}
	return c.window[:n], nil
}

func (c *cursor) fill(n int) (err error) {
	if c.file == nil {
		if c.file = c.r.File; c.file == nil {
			if c.opened, err = os.Open(c.r.Path); err != nil {
				return DiskError("open run", c.r.Path, err)
			}
			c.file = c.opened
		}
		// A seal may be the largest thing in a section of small blocks.
		size := min(max(int64(c.r.Window), headSize+totalsSize+crcSize), c.r.Len)
		c.buf = make([]byte, size)
		c.count()
	}
	if n > len(c.buf) {
		return nil // more than the range has: the caller says so
	}
	k := copy(c.buf, c.window)
	want := min(int64(len(c.buf)-k), c.r.Len-c.at)
	got, err := c.file.ReadAt(c.buf[k:k+int(want)], c.r.Off+c.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return DiskError("read run", c.r.Path, err)
	}
	c.at += int64(got)
	c.window = c.buf[:k+got]
	return nil
}

func (c *cursor) count() {
	held := int64(len(c.buf) + cap(c.raw))
	c.memory.Take(held - c.held)
	c.held = held
}

// close gives up files and memory and tells the range's owner. Idempotent.
func (c *cursor) close() {
	if c.opened != nil {
		c.opened.Close() // only read
	}
	c.file, c.opened = nil, nil
	c.buf, c.raw, c.window, c.rest, c.left = nil, nil, nil, nil, 0
	c.count()
	c.r.Mem = nil
	c.r.done()
	c.r.Done = nil
}

func (c *cursor) corrupt(why string) error {
	part, block := -1, -1
	if c.open {
		part, block = int(c.part), int(c.number)
	}
	return corrupt(c.r.Name, part, block, "%s", why)
}

// prefix is the first 8 bytes of b as a number that orders like them, zero-padded.
func prefix(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var x uint64
	for i, c := range b {
		x |= uint64(c) << (56 - 8*i)
	}
	return x
}
