package zframes

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// MaxLook is how many bytes Find should look at in vain: more than a frame of pzstd has, as a rule.
	MaxLook = 16 << 20
	// maxLike is how many places that are no frames though they begin like one are looked at for one cut.
	maxLike = 1000
	// maxBlocks is how many blocks of what may be a frame are gone over. Of bytes that have come up by chance not one in twenty passes
	// for the head of a block.
	maxBlocks = 8
	maxBlock  = 128 << 10
	maxHead   = 18 // bytes, of a frame
	chunk     = 1 << 20
)

var frameMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Find finds a frame to cut at near each place that archives without a table are wanted to be cut at: the first that begins at or after
// it, and before the next one. What begins there looks like a frame: only who has read the one before can tell. It is so for
// who reads from a frame on and comes to the end of another one exactly where the next begins. The texts of the frames are not
// known, and Text is Off.
//
// Once look bytes, about, have been looked at in vain the search ends, with the frames that were found before: that is what the
// usual archive of a single frame costs. want is in order.
func Find(r io.ReaderAt, size int64, want []int64, look int64) (frames []Frame, err error) {
	s := search{scan: window{r: r, size: size}, walk: window{r: r, size: size}}
	left := look
	for i, from := range want {
		to := min(from+left, size)
		if i+1 < len(want) {
			to = min(to, want[i+1])
		}
		if len(frames) > 0 {
			from = max(from, frames[len(frames)-1].Off+1)
		}
		off, err := s.find(from, to)
		if err != nil {
			return nil, err
		}
		if off >= 0 {
			frames, left = append(frames, Frame{off, off}), look
		} else if left -= max(to-from, 0); left <= 0 {
			break
		}
	}
	return frames, nil
}

// search reads an archive in order, and what may be frames apart from that.
type search struct{ scan, walk window }

// window is a piece of an archive that has been read.
type window struct {
	r    io.ReaderAt
	size int64
	off  int64
	buf  []byte
}

// at gives n bytes from off on, fewer at the end of the archive.
func (w *window) at(off int64, n int) ([]byte, error) {
	if off >= w.size {
		return nil, nil
	}
	n = int(min(int64(n), w.size-off))
	if off < w.off || off+int64(n) > w.off+int64(len(w.buf)) {
		all := int(min(max(int64(n), chunk), w.size-off))
		w.off, w.buf = off, make([]byte, all)
		if got, err := w.r.ReadAt(w.buf, off); got < all {
			w.buf = nil
			return nil, errors.Join(err, io.ErrUnexpectedEOF)
		}
	}
	at := off - w.off
	return w.buf[at : at+int64(n)], nil
}

// rest gives what is held from off on, at least n bytes but at the end of the archive.
func (w *window) rest(off int64, n int) ([]byte, error) {
	if held := w.off + int64(len(w.buf)) - off; off >= w.off && held > int64(n) {
		n = int(held)
	}
	return w.at(off, n)
}

// find is where the first frame begins at or after from and before to; -1: none does.
func (s *search) find(from, to int64) (int64, error) {
	for like := 0; from < to && like < maxLike; {
		b, err := s.scan.rest(from, len(frameMagic))
		if err != nil {
			return 0, err
		}
		b = b[:min(int64(len(b)), to-from+int64(len(frameMagic))-1)]
		i := bytes.Index(b, frameMagic)
		if i < 0 {
			from += int64(max(len(b)-len(frameMagic)+1, 1))
			continue
		}
		from += int64(i)
		if frame, err := s.walk.frame(from); err != nil || frame {
			return from, err
		}
		from++
		like++
	}
	return -1, nil
}

// frame reports that a frame begins at a byte, by its head and those of its first blocks (RFC 8878, section 3.1.1).
func (w *window) frame(off int64) (bool, error) {
	b, err := w.at(off, maxHead+3)
	if err != nil {
		return false, err
	}
	var head zstd.Header
	if head.Decode(b) != nil || head.Skippable || head.DictionaryID != 0 {
		return false, nil
	}
	off += int64(head.HeaderSize)
	for range maxBlocks {
		if b, err = w.at(off, 3); err != nil || len(b) < 3 {
			return false, err
		}
		block := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		last, kind, size := block&1 == 1, block>>1&3, block>>3
		switch {
		case kind == 3 || size > maxBlock:
			return false, nil
		case kind == 1: // a byte that is repeated
			size = 1
		}
		if off += 3 + size; !last {
			continue
		}
		if head.HasCheckSum {
			off += 4
		}
		return w.follows(off)
	}
	return true, nil
}

// follows reports that a frame may have ended at a byte: the archive does, or another frame begins, which may be one to skip.
func (w *window) follows(off int64) (bool, error) {
	b, err := w.at(off, len(frameMagic))
	if err != nil {
		return false, err
	}
	skip := len(b) == 4 && b[0]&0xf0 == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18
	return off == w.size || skip || bytes.Equal(b, frameMagic), nil
}
