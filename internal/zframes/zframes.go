// Package zframes writes zstd that can be read in several places at once, and finds those places: frames that each stand for
// themselves, and after them a table of where they are, in the seekable format
// (https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md). The table lies in
// a frame that decompressors skip, so the whole is what any of them reads.
package zframes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Frame is the place of a frame.
type Frame struct {
	Off  int64 // in the archive, in bytes
	Text int64 // of its first byte in the text
}

const (
	skippable = 0x184d2a5e // magic of the frame that holds the table
	tableEnd  = 0x8f92eab1 // the last bytes of the table
	headSize  = 8          // of the skippable frame: its magic and its length
	footSize  = 9          // of the table: the number of frames, a byte of flags, tableEnd
	checksums = 0x80       // flag: each entry has 4 bytes more
	reserved  = 0x7c       // flags that nobody may set
)

// MaxFrames bounds the frames that a table may list: 16 TiB of text in frames of 4 MiB.
const MaxFrames = 4 << 20

// Table gathers what a seek table says. The zero value is an empty one.
type Table struct {
	entries []byte
}

// Add tells of the next frame: its bytes, and those of its text. Both are at most 4 GiB.
func (t *Table) Add(stored, text int) {
	t.entries = binary.LittleEndian.AppendUint32(t.entries, uint32(stored))
	t.entries = binary.LittleEndian.AppendUint32(t.entries, uint32(text))
}

// Append appends the frame that holds the table.
func (t *Table) Append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, skippable)
	dst = le.AppendUint32(dst, uint32(len(t.entries)+footSize))
	dst = append(dst, t.entries...)
	dst = le.AppendUint32(dst, uint32(len(t.entries)/8))
	dst = append(dst, 0)
	return le.AppendUint32(dst, tableEnd)
}

// ErrNone says that an archive ends with no table.
var ErrNone = errors.New("it has no seek table")

// Read reads the table at the end of an archive of size bytes, in at most two reads. Without a table it is ErrNone. Frames
// that do not lie one after the other up to the table are an error.
func Read(r io.ReaderAt, size int64) ([]Frame, error) {
	le := binary.LittleEndian
	if size < headSize+footSize {
		return nil, ErrNone
	}
	var foot [footSize]byte
	if err := readAt(r, foot[:], size-footSize); err != nil {
		return nil, err
	}
	n, flags := int64(le.Uint32(foot[:])), foot[4]
	if le.Uint32(foot[5:]) != tableEnd {
		return nil, ErrNone
	}
	each := int64(8)
	if flags&checksums != 0 {
		each = 12
	}
	length := n*each + footSize
	if flags&reserved != 0 || n > MaxFrames || length+headSize > size {
		return nil, fmt.Errorf("its seek table of %d frames is damaged", n)
	}
	b := make([]byte, headSize+n*each)
	if err := readAt(r, b, size-footSize-int64(len(b))); err != nil {
		return nil, err
	}
	if le.Uint32(b) != skippable || int64(le.Uint32(b[4:])) != length {
		return nil, fmt.Errorf("its seek table of %d frames is damaged", n)
	}
	frames := make([]Frame, n)
	var at Frame
	for i := range frames {
		e := b[headSize+int64(i)*each:]
		frames[i] = at
		at.Off += int64(le.Uint32(e))
		at.Text += int64(le.Uint32(e[4:]))
	}
	if at.Off != size-footSize-int64(len(b)) {
		return nil, fmt.Errorf("its seek table says that its frames have %d bytes, and they have %d", at.Off, size-footSize-int64(len(b)))
	}
	return frames, nil
}

func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	return err
}
