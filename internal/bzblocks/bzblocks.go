// Package bzblocks decompresses a part of a bzip2 archive. Its blocks stand for themselves and begin, at any bit, with 48 bits
// that are found by looking for them; a part is the blocks that begin within a range of bytes.
//
// A block is handed to the standard library as an archive of that block alone, so its checksum is held to. That the 48 bits
// come up within a block by chance (once in 2^48 bits) shows as such an error, never as other text.
package bzblocks

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"
)

const (
	blockMagic = 0x314159265359
	endMagic   = 0x177245385090
	magicBits  = 48
	magicMask  = 1<<magicBits - 1
	headBits   = 32 // of an archive, before its first block
	sumBits    = 32 // of the checksum after the mark of the end, which bits fill up to a byte
	// maxBlock is more bytes than a block can have: 900,000 bytes of text, of which none were saved, and its tables.
	maxBlock = 2 << 20
)

var errNone = errors.New("there is no block where one should be")

// Reader reads the text of blocks, in order. It is not safe for concurrent use.
type Reader struct {
	in   *bufio.Reader
	read int64  // bytes taken from in, counted from the beginning of the archive
	win  uint64 // the last 8 of them
	end  int64  // blocks that begin at this bit or later are not read

	from   int64  // the first bit
	expect int64  // the bit at which the next block, or the end, must begin; -1: anywhere
	begin  int64  // the bit at which the block in hand begins; -1: none is
	held   []byte // the bytes since that bit's
	block  []byte // the archive of one block, and what of it is not read yet
	next   int64  // the bit at which block begins
	out    io.Reader
	closed bool // the archive has ended
}

// NewReader reads the blocks that begin at a bit of the bytes from off to end of an archive, of which in gives those from off on.
func NewReader(in io.Reader, off, end int64) *Reader {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10), read: off, from: 8 * off, end: 8 * end, begin: -1, expect: -1}
	if off == 0 {
		r.expect = headBits
	}
	return r
}

// Rest goes on to all the blocks that follow.
func (r *Reader) Rest() {
	r.end, r.out = 1<<63-1, nil
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.out == nil {
		if err := r.find(); err != nil {
			return 0, err
		}
		r.out = bzip2.NewReader((*archives)(r))
	}
	return r.out.Read(p)
}

// find makes sure that there is a block to read.
func (r *Reader) find() error {
	if len(r.block) == 0 {
		if err := r.scan(); err != nil {
			return err
		}
	}
	if r.next >= r.end {
		return io.EOF
	}
	return nil
}

// archives are the blocks as the archives of one each that bzip2 reads one after the other.
type archives Reader

// Read implements io.Reader.
func (a *archives) Read(p []byte) (int, error) {
	r := (*Reader)(a)
	if err := r.find(); err != nil {
		return 0, err
	}
	n := copy(p, r.block)
	if r.block = r.block[n:]; len(r.block) == 0 {
		r.block = nil
	} else {
		r.next = -1 // begun, and so read to its end
	}
	return n, nil
}

// scan reads up to the end of the next block.
func (r *Reader) scan() error {
	if r.closed {
		return io.EOF
	}
	for seen := 0; ; seen++ {
		c, err := r.in.ReadByte()
		if err == io.EOF {
			if r.begin >= 0 || r.expect >= 0 && 8*r.read != r.expect-headBits {
				return io.ErrUnexpectedEOF
			}
			r.closed = true
			return io.EOF
		}
		if err != nil {
			return err
		}
		if seen > maxBlock {
			return errNone
		}
		r.read++
		r.win = r.win<<8 | uint64(c)
		if r.begin >= 0 {
			r.held = append(r.held, c)
		}
		for shift := range 8 {
			magic := r.win >> shift & magicMask
			if magic != blockMagic && magic != endMagic {
				continue
			}
			at := 8*r.read - int64(shift) - magicBits
			if at < r.from {
				continue
			}
			if r.expect >= 0 && at != r.expect {
				return errNone
			}
			whole := r.begin >= 0
			if r.take(at, magic == blockMagic); whole {
				return nil
			}
			break
		}
	}
}

// take ends the block in hand at a bit, and begins another there if that is what begins.
func (r *Reader) take(at int64, block bool) {
	if r.begin >= 0 {
		r.block, r.next = archive(r.held, int(r.begin%8), int(at-r.begin)), r.begin
	}
	r.begin, r.held, r.expect = -1, r.held[:0], (at+magicBits+sumBits+7)/8*8+headBits
	if block {
		r.expect = -1
		r.begin = at
		// The bytes in which the mark lies, of which the first has bits of what was before.
		var last [8]byte
		binary.BigEndian.PutUint64(last[:], r.win)
		r.held = append(r.held, last[8-(r.read-at/8):]...)
	}
}

// archive makes an archive of the block that is n bits of b from bit off on.
func archive(b []byte, off, n int) []byte {
	out := append(make([]byte, 0, n/8+20), "BZh9"...)
	var acc uint64 // the bits not written yet, have in number
	have := 0
	put := func(v uint64, bits int) {
		for acc, have = acc<<bits|v&(1<<bits-1), have+bits; have >= 8; have -= 8 {
			out = append(out, byte(acc>>(have-8)))
		}
	}
	// Whole bytes of the block, then what is left of it, the mark of the end, and the sum of all blocks, which is that of one.
	for i := range n / 8 {
		v := uint16(b[i]) << 8
		if off > 0 {
			v |= uint16(b[i+1])
		}
		out = append(out, byte(v>>(8-off)))
	}
	for i := off + n/8*8; i < off+n; i++ {
		put(uint64(b[i/8]>>(7-i%8)), 1)
	}
	put(endMagic>>24, 24)
	put(endMagic, 24)
	for _, c := range out[4+magicBits/8 : 4+magicBits/8+4] {
		put(uint64(c), 8)
	}
	put(0, (8-have)%8)
	return out
}
