package recsort

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// contents maps a file: its pages are in the cache already and need no copy.
func contents(path string) (_ []byte, unmap func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() == 0 {
		return nil, func() {}, nil
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
	return m, func() { _ = unix.Munmap(m) }, err
}
