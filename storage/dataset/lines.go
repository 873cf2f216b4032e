package dataset

import (
	"bytes"
	"io"
)

// fillLines is the reader of lines. See Reader.fill.
//
// Of the buffer, [0,w) holds finished rows, [line,end) the bytes of lines not finished, [scan,end) those not looked
// through yet; line begins at byte at of the object.
func (r *Reader) fillLines() (full bool, err error) {
	if r.b.rec == nil {
		if err := r.need(max(r.opt.Batch, len(r.carry)+1)); err != nil {
			return false, err
		}
	}
	c, b := r.cur, &r.b
	line := b.w
	// What was carried over meets an empty batch: it was carried because the last one was full.
	end := line + copy(b.buf[line:], r.carry)
	r.carry = r.carry[:0]
	scan, at := line, c.at-int64(end-line)
	if at >= c.end { // after a long line
		return false, nil
	}
	for {
		for scan < end {
			i := bytes.IndexByte(b.buf[scan:end], '\n')
			if i < 0 {
				scan = end
				break
			}
			stop := scan + i + 1
			if c.skip {
				c.skip = false
			} else if err := r.addLine(at, line, stop, true); err != nil {
				return false, err
			}
			at += int64(stop - line)
			line, scan = stop, stop
			if at >= c.end {
				return false, nil
			}
			if b.full() {
				r.carry = append(r.carry, b.buf[line:end]...)
				return true, nil
			}
		}
		if !c.skip && int64(end-line) > r.opt.MaxRecord+1 { // one byte may be the "\r" of the end
			if err := r.bad(at); err != nil {
				return false, err
			}
			c.skip = true
		}
		if c.skip {
			at += int64(end - line)
			line, scan, end = b.w, b.w, b.w
			if at >= c.end {
				return false, nil
			}
		}
		switch {
		case end < len(b.buf):
		case b.rows() > 0:
			r.carry = append(r.carry, b.buf[line:end]...)
			return true, nil
		case line > 0:
			end = copy(b.buf, b.buf[line:end])
			line, scan = 0, end
		default:
			return true, r.longLine(at, end)
		}
		n, err := c.Read(b.buf[end:r.limit(end)])
		end += n
		if atEnd(err) {
			if line < end {
				err = r.addLine(at, line, end, false)
			} else {
				err = nil
			}
			return false, err
		}
		if err != nil {
			return false, err
		}
	}
}

// limit is how far to read into the buffer: not more than stays in cache, and not beyond the end of the piece before
// the last line there is known to need it.
func (r *Reader) limit(end int) int {
	n := int64(r.tune.step)
	if left := r.cur.end - r.cur.at; left > 0 && left < n {
		n = left
	}
	return int(min(int64(end)+n, int64(len(r.b.buf))))
}

// addLine adds the line buf[from:to]; terminated says that it ends in "\n".
func (r *Reader) addLine(at int64, from, to int, terminated bool) error {
	stop := to
	if terminated {
		stop--
		if stop > from && r.b.buf[stop-1] == '\r' {
			stop--
		}
	}
	if int64(stop-from) > r.opt.MaxRecord {
		return r.bad(at)
	}
	if r.opt.Terminated {
		r.b.add(r.cur.piece.URI, at, from, to, 0)
	} else {
		r.b.add(r.cur.piece.URI, at, from, stop, to-stop)
	}
	return nil
}

// longLine goes on with a line that fills the whole of an empty buffer, up to n. The line is collected in plain memory
// and then, as its length is known, put into a buffer of its own; the small one is kept for the next batch.
func (r *Reader) longLine(at int64, n int) error {
	c := r.cur
	h := heap{chunks: [][]byte{bytes.Clone(r.b.buf[:n])}, size: n}
	for {
		last := h.chunks[len(h.chunks)-1]
		if i := bytes.IndexByte(last, '\n'); i >= 0 {
			r.carry = append(r.carry[:0], last[i+1:]...)
			h.trim(i + 1)
			return r.addLong(at, &h, true)
		}
		if int64(h.size) > r.opt.MaxRecord+1 {
			c.skip = true
			return r.bad(at)
		}
		err := h.read(c, r.opt.Batch)
		if atEnd(err) {
			return r.addLong(at, &h, false)
		}
		if err != nil {
			return err
		}
	}
}

func (r *Reader) addLong(at int64, h *heap, terminated bool) error {
	if err := r.need(h.size); err != nil {
		return err
	}
	h.copy(r.b.buf)
	return r.addLine(at, 0, h.size, terminated)
}

// heap collects bytes whose number is not known before, without moving what it has.
type heap struct {
	chunks [][]byte
	size   int
}

// read adds what one Read gives, in a chunk of its own of at most n bytes.
func (h *heap) read(in io.Reader, n int) error {
	chunk := make([]byte, n)
	k, err := io.ReadFull(in, chunk)
	if k > 0 {
		h.chunks = append(h.chunks, chunk[:k])
		h.size += k
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
	}
	return err
}

// trim leaves only n bytes of the last chunk.
func (h *heap) trim(n int) {
	last := len(h.chunks) - 1
	h.size -= len(h.chunks[last]) - n
	h.chunks[last] = h.chunks[last][:n]
}

func (h *heap) copy(dst []byte) {
	for _, c := range h.chunks {
		dst = dst[copy(dst, c):]
	}
}
