// Package xzblocks decompresses xz, a whole archive or a part of its blocks, and finds where the blocks lie. It reads the
// container itself (https://tukaani.org/xz/xz-file-format.txt, version 1.2.1) and leaves the LZMA2 within blocks to
// github.com/ulikunitz/xz: what an archive claims of itself is looked at before anything is allocated for it.
//
// Blocks of xz stand for themselves, and the index at the end of each stream says how long they are, packed and unpacked.
// `xz -T0` writes blocks of 24 MiB of text; of `xz` alone a file is one block.
package xzblocks

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// MaxDict is the largest dictionary that is allocated for a block, in bytes: that of `xz -9`.
const MaxDict = 64 << 20

const (
	minDict  = 4096 // the library's least
	inBuffer = 16 << 10
)

// Reader reads the text of an archive, or of a part of one. It is not safe for concurrent use.
type Reader struct {
	in  *bufio.Reader
	pos int64 // of the next byte, in the archive
	end int64 // a block that begins here, or later, is not read

	within  bool  // a stream has begun
	check   Check // of the stream
	partial bool  // blocks of the stream lie before the part
	blocks  tally // those of the stream that were read
	err     error // for good, after the text that came with it

	z    *lzma.Reader2 // of the block in hand; nil: none is
	head blockHeader
	at   int64 // of the block's first byte
	text int64 // of the block, so far
	sum  hash.Hash
}

// NewReader reads an archive, of which in gives all bytes.
func NewReader(in io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, inBuffer), end: 1<<63 - 1}
}

// NewPart reads the blocks that begin at a byte of the archive from off on and before end. in gives the bytes from off on; at both
// places a block must begin (see Find), whose stream has the check, but that off may be 0 and end that of the archive. What follows
// the last block of a stream is read as well, before the next block is.
func NewPart(in io.Reader, off, end int64, check Check) *Reader {
	r := NewReader(in)
	r.pos, r.end = off, end
	if off > 0 {
		r.within, r.partial, r.check = true, true, check
	}
	return r
}

// Rest goes on to all the blocks that follow a part, once Read has come to its end.
func (r *Reader) Rest() {
	if r.end = 1<<63 - 1; r.err == io.EOF {
		r.err = nil
	}
}

// Read implements io.Reader. An archive that ends too early is io.ErrUnexpectedEOF.
func (r *Reader) Read(p []byte) (n int, err error) {
	for len(p) > 0 && n == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.z == nil {
			r.err = r.next()
			continue
		}
		n, err = r.z.Read(p)
		r.sum.Write(p[:n])
		r.text += int64(n)
		switch {
		case r.head.text >= 0 && r.text > r.head.text:
			return 0, r.fail(errors.New("a block has more text than its header says"))
		case err == io.EOF:
			r.err = r.endBlock()
		case err != nil:
			return n, r.fail(cutOff(err))
		}
	}
	return n, nil
}

func (r *Reader) fail(err error) error {
	r.err, r.z = err, nil
	return err
}

// cutOff calls an end within something what it is.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next goes on to the next block. io.EOF: the part, or the archive, ends here.
func (r *Reader) next() error {
	for {
		switch {
		case r.pos == r.end && r.within:
			return io.EOF
		case r.pos > r.end:
			return fmt.Errorf("no block begins at byte %d, where the index said that one does", r.end)
		case !r.within:
			if err := r.beginStream(); err != nil {
				return err
			}
			continue
		}
		size, err := r.ReadByte()
		if err != nil {
			return cutOff(err)
		}
		if size != 0 {
			return r.beginBlock(size)
		}
		if err := r.endStream(); err != nil {
			return cutOff(err)
		}
		r.within = false
	}
}

// ReadByte implements io.ByteReader: the next byte of the archive, for what is within this package.
func (r *Reader) ReadByte() (byte, error) {
	c, err := r.in.ReadByte()
	if err == nil {
		r.pos++
	}
	return c, err
}

// take reads n bytes, at most those of the buffer, which are good until more is read.
func (r *Reader) take(n int) ([]byte, error) {
	b, err := r.in.Peek(n)
	if err != nil {
		return nil, err
	}
	r.pos += int64(n)
	_, err = r.in.Discard(n)
	return b, err
}

// beginStream reads the header of a stream, and the padding before it. io.EOF: there is none.
func (r *Reader) beginStream() error {
	first := r.pos == 0
	for {
		b, err := r.in.Peek(4)
		switch {
		case len(b) == 0 && err == io.EOF && !first:
			return io.EOF
		case err != nil:
			return cutOff(err)
		}
		if first || !bytes.Equal(b, make([]byte, 4)) {
			break
		}
		if _, err := r.take(4); err != nil {
			return err
		}
	}
	b, err := r.take(headSize)
	if err != nil {
		return cutOff(err)
	}
	if r.check, err = parseHead(b); err != nil {
		return err
	}
	r.within, r.partial, r.blocks = true, false, tally{}
	return nil
}

// beginBlock reads the header of a block, whose first byte has been read.
func (r *Reader) beginBlock(size byte) error {
	r.at = r.pos - 1
	b, err := r.take(4*int(size) + 3)
	if err != nil {
		return cutOff(err)
	}
	if r.head, err = parseBlock(size, b); err != nil {
		return err
	}
	dict := r.head.dict
	if r.head.text >= 0 { // nothing refers to what is before the block
		dict = min(dict, max(r.head.text, minDict))
	}
	if dict > MaxDict {
		return fmt.Errorf("a block asks for a dictionary of %d bytes, and %d is the most that is given: pack it again with xz -9 or less", dict, MaxDict)
	}
	r.text, r.sum = 0, r.check.hash()
	r.z, err = lzma.Reader2Config{DictCap: int(dict)}.NewReader2(payload{r})
	return err
}

// payload is what the decoder of LZMA2 reads: not a byte more than it asks for.
type payload struct{ r *Reader }

// Read implements io.Reader.
func (p payload) Read(b []byte) (int, error) {
	n, err := p.r.in.Read(b)
	p.r.pos += int64(n)
	return n, err
}

// ReadByte implements io.ByteReader.
func (p payload) ReadByte() (byte, error) { return p.r.ReadByte() }

// endBlock reads what follows the text of a block, and holds the block against what was said of it.
func (r *Reader) endBlock() error {
	r.z = nil
	packed := r.pos - r.at - r.head.size
	switch {
	case r.head.packed >= 0 && packed != r.head.packed:
		return errors.New("a block has fewer bytes than its header says, or more")
	case r.head.text >= 0 && r.text != r.head.text:
		return errors.New("a block has less text than its header says")
	}
	if err := r.padding(r); err != nil {
		return err
	}
	want, err := r.take(r.check.size())
	if err != nil {
		return cutOff(err)
	}
	if got := r.check.sum(r.sum); !bytes.Equal(got, want) {
		return fmt.Errorf("the text of the block at byte %d has another checksum than when it was packed", r.at)
	}
	r.blocks.add(r.head.size+packed+int64(len(want)), r.text)
	return nil
}

// padding reads zeros from in, which moves pos on, up to a byte whose number is a multiple of 4. All streams begin at one.
func (r *Reader) padding(in io.ByteReader) error {
	for r.pos%4 != 0 {
		c, err := in.ReadByte()
		if err != nil {
			return cutOff(err)
		}
		if c != 0 {
			return errors.New("padding is not zero")
		}
	}
	return nil
}

// endStream reads the index, whose first byte has been read, and the footer.
func (r *Reader) endStream() error {
	begin := r.pos - 1
	sum := crc32.NewIEEE()
	sum.Write([]byte{0})
	from := io.TeeReader(payload{r}, sum)
	said, err := readIndex(&byteReader{from}, r.blocks.n, r.partial)
	if err != nil {
		return err
	}
	if !r.partial && said != r.blocks {
		return errors.New("its index says something else than its blocks")
	}
	if err := r.padding(&byteReader{from}); err != nil {
		return err
	}
	b, err := r.take(4)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, le32(sum.Sum32())) {
		return errors.New("its index is damaged")
	}
	size := r.pos - begin
	if b, err = r.take(footSize); err != nil {
		return err
	}
	foot, err := parseFoot(b)
	switch {
	case err != nil:
		return err
	case foot.check != r.check || foot.index != size:
		return errors.New("the end of a stream says something else than its beginning")
	}
	return nil
}
