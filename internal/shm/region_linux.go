package shm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
)

// Supported tells whether this platform has sealed anonymous files.
const Supported = true

// New makes a region of segments x size bytes. Memory is taken when a page is first touched.
func New(segments, size int) (*Region, error) {
	fd, err := unix.MemfdCreate("mrctl-segments", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "shared memory", "memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "mrctl-segments")
	total := segments * size
	if err := unix.Ftruncate(fd, int64(total)); err != nil {
		return nil, closing(f, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, closing(f, err)
	}
	r, err := attach(fd, segments, size)
	if err != nil {
		return nil, closing(f, err)
	}
	r.file = f
	return r, nil
}

func closing(f *os.File, err error) error {
	_ = f.Close() // err is the one to tell
	return errs.E(errs.Unavailable, "shared memory", "", err)
}

// Attach maps the region behind an inherited descriptor, which it closes.
func Attach(fd uintptr, segments, size int) (*Region, error) {
	f := os.NewFile(fd, "mrctl-segments")
	defer func() { _ = f.Close() }() // the mapping outlives the descriptor
	st, err := f.Stat()
	if err != nil {
		return nil, errs.E(errs.Unavailable, "shared memory", fmt.Sprintf("descriptor %d", fd), err)
	}
	if st.Size() != int64(segments)*int64(size) {
		return nil, errs.New(errs.Invalid, "shared memory: descriptor %d holds %d bytes, not %d segments of %d", fd, st.Size(), segments, size)
	}
	return attach(int(f.Fd()), segments, size)
}

func attach(fd, segments, size int) (*Region, error) {
	mem, err := unix.Mmap(fd, 0, segments*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap %d bytes: %w", segments*size, err)
	}
	return &Region{mem: mem, size: size}, nil
}

// Close unmaps the region and closes the file. Nothing may touch a segment afterwards.
func (r *Region) Close() error {
	if r.mem == nil {
		return nil
	}
	err := unix.Munmap(r.mem)
	r.mem = nil
	if r.file != nil {
		_ = r.file.Close() // holds nothing that could be lost
	}
	return err
}

// Drop gives the pages of segment i back to the system. It reads as zeros afterwards, on both sides.
func (r *Region) Drop(i uint32) error {
	return unix.Fallocate(int(r.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(i)*int64(r.size), int64(r.size))
}

// Again maps the region once more, as another process would.
func (r *Region) Again() (*Region, error) {
	fd, err := unix.FcntlInt(r.file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "shared memory", "", err)
	}
	return Attach(uintptr(fd), r.Segments(), r.size)
}
