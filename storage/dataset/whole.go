package dataset

import (
	"fmt"
	"io"

	"github.com/mrctl/mrctl/internal/errs"
)

// fillFixed is the reader of records of N bytes. See Reader.fill.
func (r *Reader) fillFixed() (full bool, err error) {
	size := int(r.form.size)
	if r.b.rec == nil {
		if err := r.need(max(size, r.opt.Batch)); err != nil {
			return false, err
		}
	}
	c, b := r.cur, &r.b
	for {
		room := (len(b.buf) - b.w) / size
		if b.maxRows > 0 {
			room = min(room, b.maxRows-b.rows())
		}
		if room == 0 {
			return true, nil
		}
		at := c.at
		n, err := io.ReadFull(c, b.buf[b.w:b.w+room*size])
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !ended {
			return false, err
		}
		if n%size != 0 {
			return false, errs.E(errs.Invalid, "input", c.piece.URI,
				fmt.Errorf("its %d bytes are not a multiple of the record size %d", c.at, size))
		}
		for k := range n / size {
			b.add(c.piece.URI, at+int64(k*size), b.w, b.w+size, 0)
		}
		if ended {
			return false, nil
		}
	}
}

// fillFile is the reader of whole objects. See Reader.fill.
func (r *Reader) fillFile() (full bool, err error) {
	c, b := r.cur, &r.b
	if c.piece.Codec != "" {
		return r.fillArchive()
	}
	if c.piece.Size > r.opt.MaxRecord {
		return false, r.bad(0)
	}
	size := int(c.piece.Size)
	if b.rows() == 0 {
		if err := r.need(size); err != nil {
			return false, err
		}
	}
	if size > len(b.buf)-b.w || b.full() {
		return true, nil
	}
	if n, err := io.ReadFull(c, b.buf[b.w:b.w+size]); n < size {
		return false, err
	}
	b.add(c.piece.URI, 0, b.w, b.w+size, 0)
	return false, nil
}

// fillArchive reads an object whose size shows only as it is decompressed. What does not fit behind the rows of the
// batch waits in r.archive while the batch is handed over.
func (r *Reader) fillArchive() (full bool, err error) {
	if r.archive == nil {
		r.archive = &heap{}
		for n := 4 << 10; err == nil; n = min(4*n, r.opt.Batch) {
			if int64(r.archive.size) > r.opt.MaxRecord {
				r.archive = nil
				return false, r.bad(0)
			}
			err = r.archive.read(r.cur, n)
		}
		if !atEnd(err) {
			return false, err
		}
	}
	b, h := &r.b, r.archive
	if b.rows() == 0 {
		if err := r.need(h.size); err != nil {
			return false, err
		}
	}
	if h.size > len(b.buf)-b.w || b.full() {
		return true, nil
	}
	h.copy(b.buf[b.w:])
	b.add(r.cur.piece.URI, 0, b.w, b.w+h.size, 0)
	r.archive = nil
	return false, nil
}
