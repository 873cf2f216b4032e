package local

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// input is the body of an open file of the user's. It is a bare descriptor: of a small file, what os.File does to be
// ready for more than files (asking for flags, offering it to the poller) costs as much as reading it.
type input struct {
	ctx       context.Context // the one given to Open bounds the reader's life
	key, path string
	fd        int // -1: closed
	off, left int64
	as        unix.Stat_t // what it was when it was opened
	watch     bool        // it must not change while it is read
}

// openInput opens a regular file and says what it is.
func openInput(path string) (fd int, st unix.Stat_t, err error) {
	// Without O_NONBLOCK, opening a pipe would wait for its writer. It makes no difference to files.
	err = retryEINTR(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		return err
	})
	switch {
	case err == unix.ENXIO: // a socket, or a device without a driver
		return -1, st, neither(path)
	case err != nil && absent(err):
		return -1, st, storage.ErrNotExist
	case err != nil:
		return -1, st, &os.PathError{Op: "open", Path: path, Err: err}
	}
	switch err = retryEINTR(func() error { return unix.Fstat(fd, &st) }); {
	case err != nil:
		err = &os.PathError{Op: "stat", Path: path, Err: err}
	case isFolder(st):
		err = storage.ErrNotExist
	case !regular(st):
		err = neither(path)
	}
	if err != nil {
		_ = unix.Close(fd) // nothing was written
		return -1, st, err
	}
	return fd, st, nil
}

func neither(path string) error { return errs.New(errs.Invalid, "%s is neither file nor folder", path) }

// Read implements io.Reader. Where the last bytes are read it looks whether the file has changed.
func (b *input) Read(p []byte) (n int, err error) {
	if err := b.ctx.Err(); err != nil {
		return 0, storage.Fail("read", b.key, err)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if len(p) > 0 {
		err = retryEINTR(func() (err error) { n, err = unix.Pread(b.fd, p, b.off); return err })
		n = max(n, 0)
		b.off += int64(n)
		b.left -= int64(n)
		switch {
		case err != nil:
			err = &os.PathError{Op: "read", Path: b.path, Err: err}
		case n == 0:
			err = io.ErrUnexpectedEOF
		}
	}
	if b.left == 0 || err == io.ErrUnexpectedEOF {
		if changed := b.changed(); changed != nil {
			err = changed
		}
	}
	if err != nil {
		return n, storage.Fail("read", b.key, err)
	}
	if n == 0 && b.left == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *input) changed() error {
	if !b.watch {
		return nil
	}
	var now unix.Stat_t
	if err := retryEINTR(func() error { return unix.Fstat(b.fd, &now) }); err != nil {
		return &os.PathError{Op: "stat", Path: b.path, Err: err}
	}
	if !same(now, b.as) {
		return errChangedMeanwhile
	}
	return nil
}

// Close implements io.Closer.
func (b *input) Close() error {
	if b.fd < 0 {
		return os.ErrClosed
	}
	fd := b.fd
	b.fd = -1
	return unix.Close(fd)
}
