package xzblocks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/zeebo/xxh3"
)

// tally is how many blocks a stream has, and a digest of their sizes in order: as much as an index has to be held against,
// however many there are.
type tally struct {
	n      int64
	digest uint64
}

func (t *tally) add(size, text int64) {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 24), t.digest)
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	t.n, t.digest = t.n+1, xxh3.Hash(binary.LittleEndian.AppendUint64(b, uint64(text)))
}

// readIndex reads an index between its first byte and its padding. Unless some lie elsewhere it is of blocks in number.
func readIndex(in io.ByteReader, blocks int64, elsewhere bool) (tally, error) {
	var t tally
	n, err := readNumber(in)
	switch {
	case err != nil:
		return t, err
	case !elsewhere && n != blocks:
		return t, fmt.Errorf("its index says that a stream has %d blocks, and it has %d", n, blocks)
	}
	for range n {
		size, err := readNumber(in)
		if err != nil {
			return t, err
		}
		text, err := readNumber(in)
		if err != nil {
			return t, err
		}
		t.add(size, text)
	}
	return t, nil
}

// Block is the place of a block.
type Block struct {
	Off  int64 // of its header in the archive, in bytes
	Text int64 // of its first byte in the text
}

const (
	// maxIndex is the largest index that Find reads, in bytes: that of about 2 million blocks.
	maxIndex = 16 << 20
	// maxStreams is how many streams Find goes back over; each costs some reads.
	maxStreams = 256
	// maxPadding is how many zeros it goes back over behind a stream.
	maxPadding = 64 << 10
)

// ErrNone says that an archive is not made of blocks of one kind that are easily found.
var ErrNone = errors.New("where its blocks begin is not known")

// Find finds the blocks of an archive of size bytes by its indices, from the end on, and the check that all of them have.
// ErrNone: there are too many streams, or they have several checks.
func Find(r io.ReaderAt, size int64) (blocks []Block, check Check, err error) {
	var sizes []Block // of the blocks, the last first: bytes, and those of text
	at := size
	for streams := 0; at > 0; streams++ {
		if streams == maxStreams {
			return nil, 0, ErrNone
		}
		s, err := lastStream(r, at)
		if err != nil {
			return nil, 0, err
		}
		if streams > 0 && s.check != check {
			return nil, 0, ErrNone
		}
		check = s.check
		slices.Reverse(s.sizes)
		sizes = append(sizes, s.sizes...)
		sizes = append(sizes, Block{Off: -s.begin}) // marks the stream's beginning
		at = s.begin
	}
	var next Block
	for i := len(sizes) - 1; i >= 0; i-- {
		if s := sizes[i]; s.Off <= 0 {
			next.Off = headSize - s.Off
		} else {
			blocks = append(blocks, next)
			next = Block{next.Off + s.Off, next.Text + s.Text}
		}
	}
	return blocks, check, nil
}

// stream is what Find learns of one.
type stream struct {
	begin int64
	check Check
	sizes []Block // of each block, in order: bytes with padding, and those of text
}

// lastStream reads the index of the stream that ends before a byte, or before zeros that do.
func lastStream(r io.ReaderAt, end int64) (s stream, err error) {
	for pad := 0; ; pad += 4 {
		if pad > maxPadding {
			return s, ErrNone
		}
		b, err := readAt(r, end-4, 4)
		if err != nil {
			return s, err
		}
		if !bytes.Equal(b, make([]byte, 4)) {
			break
		}
		end -= 4
	}
	b, err := readAt(r, end-footSize, footSize)
	if err != nil {
		return s, err
	}
	foot, err := parseFoot(b)
	if err != nil {
		return s, err
	}
	if foot.index > maxIndex {
		return s, ErrNone
	}
	at := end - footSize - foot.index
	if b, err = readAt(r, at, int(foot.index)); err != nil {
		return s, err
	}
	total, err := s.parse(b)
	if err != nil {
		return s, err
	}
	s.check, s.begin = foot.check, at-total-headSize
	if b, err = readAt(r, s.begin, headSize); err != nil {
		return s, err
	}
	if check, err := parseHead(b); err != nil || check != s.check {
		return s, errors.New("the end of a stream says something else than its beginning")
	}
	return s, nil
}

// parse reads a whole index, and says how many bytes its blocks have.
func (s *stream) parse(b []byte) (total int64, err error) {
	damaged := errors.New("its index is damaged")
	if len(b) < 8 {
		return 0, damaged
	}
	body := b[:len(b)-4]
	if !bytes.Equal(le32(crc32.ChecksumIEEE(body)), b[len(b)-4:]) || body[0] != 0 {
		return 0, damaged
	}
	in := bytes.NewReader(body[1:])
	n, err := readNumber(in)
	if err != nil || n > int64(len(body)) {
		return 0, damaged
	}
	const most = 1 << 60 // bytes, of all together
	var texts int64
	for range n {
		size, err := readNumber(in)
		if err != nil || size <= 0 || size > most-3 {
			return 0, damaged
		}
		text, err := readNumber(in)
		if err != nil || text > most {
			return 0, damaged
		}
		size = (size + 3) / 4 * 4
		if total, texts = total+size, texts+text; total > most || texts > most {
			return 0, damaged
		}
		s.sizes = append(s.sizes, Block{size, text})
	}
	return total, nil
}

// readAt reads n bytes, none of which lie before the archive.
func readAt(r io.ReaderAt, off int64, n int) ([]byte, error) {
	if off < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	if got, err := r.ReadAt(b, off); got < n {
		return nil, cutOff(err)
	}
	return b, nil
}
