package runs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

// Info describes a finished run file.
type Info struct {
	Path     string
	Size     int64 // bytes of the file
	Sections int64 // bytes of all its sections
	Totals
}

// Range is the whole run as one range of all its sections. It is named by its path.
func (i Info) Range() Range {
	return Range{Name: i.Path, Path: i.Path, Off: int64(len(magic)), Len: i.Sections, Totals: i.Totals}
}

// File is a run file opened for its index.
type File struct {
	f     *os.File    // nil: only the index is here, see OpenIndex
	src   io.ReaderAt // f, or what is here
	path  string
	at    int64 // of the index
	parts int
	total Totals

	mu    sync.Mutex
	names [][]byte // of an ordered run: its directory, once it has been read; guarded by mu
}

// Open opens a run file and checks its magic and footer. A missing file is fs.ErrNotExist in an Unavailable error.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, DiskError("open run", path, err)
	}
	r := &File{f: f, src: f, path: path}
	if err := r.open(); err != nil {
		f.Close() // only read
		return nil, err
	}
	return r, nil
}

func (r *File) open() error {
	info, err := r.f.Stat()
	if err != nil {
		return DiskError("stat run", r.path, err)
	}
	var m [len(magic)]byte
	if err := r.read(m[:], 0); err != nil {
		return err
	}
	if string(m[:]) != magic {
		return corrupt(r.path, -1, -1, "magic %q is not a run's, or of another version", m[:])
	}
	return r.readFooter(info.Size())
}

func (r *File) readFooter(size int64) error {
	if size < int64(len(magic)+footerSize) {
		return corrupt(r.path, -1, -1, "%d bytes are too short for a run", size)
	}
	var f [footerSize]byte
	if err := r.read(f[:], size-footerSize); err != nil {
		return err
	}
	le := binary.LittleEndian
	switch {
	case string(f[44:52]) != endMagic || le.Uint32(f[52:]) != crc32.Checksum(f[:52], castagnoli):
		return corrupt(r.path, -1, -1, "footer checksum differs")
	}
	r.at = int64(le.Uint64(f[:]))
	r.parts = int(le.Uint32(f[32:]))
	r.total = Totals{Rows: int64(le.Uint64(f[8:])), Window: int(le.Uint32(f[36:])), Raw: int(le.Uint32(f[40:]))}
	copy(r.total.Digest[:], f[16:32])
	if r.at < int64(len(magic)) || r.at+int64(r.parts)*entrySize+footerSize != size {
		return corrupt(r.path, -1, -1, "footer does not fit a file of %d bytes", size)
	}
	return nil
}

// Partitions is how many the run has.
func (r *File) Partitions() int { return r.parts }

// Totals is what the whole run holds.
func (r *File) Totals() Totals { return r.total }

// Section finds the range of one partition. An empty partition has Len 0.
func (r *File) Section(part int) (Range, error) {
	if part < 0 || part >= r.parts {
		return Range{}, fmt.Errorf("run %s: no partition %d of %d", r.path, part, r.parts)
	}
	s, err := r.sections(part, part+1)
	if err != nil {
		return Range{}, err
	}
	return s[0], nil
}

// sections reads what the index says of partitions from on to before to.
func (r *File) sections(from, to int) ([]Range, error) {
	b := make([]byte, (to-from)*entrySize)
	if err := r.read(b, r.at+int64(from)*entrySize); err != nil {
		return nil, err
	}
	all := make([]Range, to-from)
	for i := range all {
		var err error
		if all[i], err = r.section(from+i, b[i*entrySize:][:entrySize]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// section reads an entry of the index.
func (r *File) section(part int, e []byte) (Range, error) {
	le := binary.LittleEndian
	if le.Uint32(e[48:]) != crc32.Checksum(e[:48], castagnoli) {
		return Range{}, corrupt(r.path, part, -1, "index checksum differs")
	}
	s := Range{Name: r.path, Path: r.path, Off: int64(le.Uint64(e[:])), Len: int64(le.Uint64(e[8:])), Totals: parseTotals(e[16:])}
	if s.Off < int64(len(magic)) || s.Len < 0 || s.Off+s.Len > r.at {
		return Range{}, corrupt(r.path, part, -1, "index names bytes %d+%d outside the sections", s.Off, s.Len)
	}
	return s, nil
}

// ReadAt reads bytes of the file, as io.ReaderAt; its errors name the file.
func (r *File) ReadAt(b []byte, off int64) (int, error) {
	n, err := r.f.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = DiskError("read run", r.path, err)
	}
	return n, err
}

// Close closes the file.
func (r *File) Close() error { return r.f.Close() }

func (r *File) read(b []byte, off int64) error {
	switch n, err := r.src.ReadAt(b, off); {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return corrupt(r.path, -1, -1, "ends early")
	default:
		return DiskError("read run", r.path, err)
	}
}
