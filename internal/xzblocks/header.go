package xzblocks

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
)

const (
	headSize  = 12 // of a stream
	footSize  = 12
	lzma2     = 0x21 // the one filter that is known here
	maxNumber = 9    // bytes of a number
)

var (
	headMagic = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	footMagic = []byte("YZ")
	isoECMA   = crc64.MakeTable(crc64.ECMA)
)

// Check is what is stored of the text of a block to tell whether it came back as it was. The zero value is nothing.
type Check byte

// The checks, by their numbers in the format.
const (
	None   Check = 0
	CRC32  Check = 1
	CRC64  Check = 4
	SHA256 Check = 10
)

var checkNames = map[Check]string{None: "none", CRC32: "crc32", CRC64: "crc64", SHA256: "sha256"}

// String is what the xz program calls a check.
func (c Check) String() string { return checkNames[c] }

// CheckOf is the check of that name.
func CheckOf(name string) (Check, bool) {
	for c, n := range checkNames {
		if n == name {
			return c, true
		}
	}
	return 0, false
}

func (c Check) hash() hash.Hash {
	switch c {
	case CRC32:
		return crc32.NewIEEE()
	case CRC64:
		return crc64.New(isoECMA)
	case SHA256:
		return sha256.New()
	}
	return nothing{crc32.NewIEEE()}
}

// nothing is the hash of no check.
type nothing struct{ hash.Hash }

// Write implements io.Writer.
func (nothing) Write(p []byte) (int, error) { return len(p), nil }

// Sum implements hash.Hash.
func (nothing) Sum(b []byte) []byte { return b }

// Size implements hash.Hash.
func (nothing) Size() int { return 0 }

// size is how many bytes are stored of it.
func (c Check) size() int { return c.hash().Size() }

// sum is what is stored where h has seen the text. Of CRC the bytes go the other way round.
func (c Check) sum(h hash.Hash) []byte {
	switch s := h.(type) {
	case hash.Hash32:
		if c == CRC32 {
			return le32(s.Sum32())
		}
	case hash.Hash64:
		return binary.LittleEndian.AppendUint64(nil, s.Sum64())
	}
	return h.Sum(nil)
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// parseFlags reads the two bytes that say which check a stream has.
func parseFlags(b []byte) (Check, error) {
	c := Check(b[1])
	if _, known := checkNames[c]; b[0] != 0 || !known {
		return 0, fmt.Errorf("it is of a kind that is not known here (flags %x)", b[:2])
	}
	return c, nil
}

// parseHead reads the header of a stream.
func parseHead(b []byte) (Check, error) {
	switch {
	case !bytes.HasPrefix(b, headMagic):
		return 0, errors.New("no xz begins where one should")
	case !bytes.Equal(le32(crc32.ChecksumIEEE(b[6:8])), b[8:12]):
		return 0, errors.New("the header of a stream is damaged")
	}
	return parseFlags(b[6:8])
}

// foot is the end of a stream.
type foot struct {
	check Check
	index int64 // bytes
}

func parseFoot(b []byte) (foot, error) {
	if !bytes.Equal(b[10:12], footMagic) || !bytes.Equal(le32(crc32.ChecksumIEEE(b[4:10])), b[:4]) {
		return foot{}, errors.New("it does not end as xz does: it is damaged, or cut off")
	}
	check, err := parseFlags(b[8:10])
	return foot{check, 4 * (int64(binary.LittleEndian.Uint32(b[4:8])) + 1)}, err
}

// blockHeader is what a block says of itself.
type blockHeader struct {
	size         int64 // bytes of the header
	packed, text int64 // -1: it does not say
	dict         int64 // bytes
}

var errHeader = errors.New("the header of a block is damaged")

// parseBlock reads the header of a block: its first byte, and the 4*size+3 bytes after it.
func parseBlock(size byte, b []byte) (blockHeader, error) {
	h := blockHeader{size: 4*int64(size) + 4, packed: -1, text: -1}
	body := b[:len(b)-4]
	sum := crc32.Update(crc32.ChecksumIEEE([]byte{size}), crc32.IEEETable, body)
	if !bytes.Equal(le32(sum), b[len(b)-4:]) {
		return h, errHeader
	}
	in := bytes.NewReader(body)
	flags, err := in.ReadByte()
	if err != nil || flags&0x3c != 0 {
		return h, errHeader
	}
	for _, to := range []struct {
		bit byte
		n   *int64
	}{{0x40, &h.packed}, {0x80, &h.text}} {
		if flags&to.bit == 0 {
			continue
		}
		if *to.n, err = readNumber(in); err != nil {
			return h, errHeader
		}
	}
	if flags&0x40 != 0 && h.packed == 0 {
		return h, errHeader
	}
	filter, err := readNumber(in)
	switch {
	case err != nil:
		return h, errHeader
	case flags&3 != 0 || filter != lzma2:
		return h, errors.New("it was packed with a filter besides LZMA2, which is not known here: pack it again without (xz -dc FILE | xz)")
	}
	props, err := readNumber(in)
	if err != nil || props != 1 {
		return h, errHeader
	}
	code, err := in.ReadByte()
	if err != nil || code > 40 {
		return h, errHeader
	}
	// Section 5.3.1 of the format: 4 KiB, 6 KiB, 8 KiB, 12 KiB and so on to 4 GiB less a byte.
	if h.dict = int64(2|code&1) << (code/2 + 11); code == 40 {
		h.dict = 1<<32 - 1
	}
	for in.Len() > 0 {
		if c, _ := in.ReadByte(); c != 0 {
			return h, errHeader
		}
	}
	return h, nil
}

// readNumber reads a number: 7 bits a byte, the lowest first, 63 at most.
func readNumber(in io.ByteReader) (int64, error) {
	var v int64
	for i := range maxNumber {
		c, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				break
			}
			return v, nil
		}
	}
	return 0, errors.New("a number is damaged")
}

// byteReader reads bytes one by one.
type byteReader struct{ io.Reader }

// ReadByte implements io.ByteReader.
func (r *byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}
