package runs

import (
	"bytes"
	"io"
)

// copyBuffer is how much of a run is copied at a time.
const copyBuffer = 256 << 10

// CopyTo writes the whole file to w. Each section is checked on its way: bytes that are not what was written are Corrupt,
// and w has got a part of them then. An error of w is given as it is.
func (r *File) CopyTo(w io.Writer) error {
	if _, err := io.WriteString(w, magic); err != nil {
		return err
	}
	buf := make([]byte, copyBuffer)
	at := int64(len(magic))
	for part := range r.parts {
		s, err := r.Section(part)
		if err != nil {
			return err
		}
		if s.Len == 0 {
			continue
		}
		if s.Off != at {
			return corrupt(r.path, part, -1, "its section begins at byte %d, not %d", s.Off, at)
		}
		check := NewVerifier(r.path, part)
		if _, err := io.CopyBuffer(io.MultiWriter(check, w), io.NewSectionReader(r, s.Off, s.Len), buf); err != nil {
			return err
		}
		totals, err := check.Close()
		if err != nil {
			return err
		}
		if totals != s.Totals {
			return corrupt(r.path, part, -1, "its seal says other than the index")
		}
		at += s.Len
	}
	if at != r.at {
		return corrupt(r.path, -1, -1, "the sections end at byte %d, the index begins at %d", at, r.at)
	}
	_, err := io.CopyBuffer(w, io.NewSectionReader(r, r.at, int64(r.parts)*entrySize+footerSize), buf)
	return err
}

// IndexSize is how many bytes the index and the footer of a run with so many partitions take, at its end.
func IndexSize(partitions int) int64 { return int64(partitions)*entrySize + footerSize }

// OpenIndex makes a File of the end of a run of size bytes that lies elsewhere, index and footer at least. It finds
// sections, to be read where the run lies; name stands in for a path.
func OpenIndex(name string, size int64, end []byte) (*File, error) {
	r := &File{src: tail{bytes.NewReader(end), size - int64(len(end))}, path: name}
	if err := r.readFooter(size); err != nil {
		return nil, err
	}
	return r, nil
}

// tail reads the end of something by the offsets of the whole.
type tail struct {
	end *bytes.Reader
	off int64
}

func (t tail) ReadAt(b []byte, off int64) (int, error) {
	if off < t.off {
		return 0, io.EOF // as what is cut off
	}
	return t.end.ReadAt(b, off-t.off)
}
