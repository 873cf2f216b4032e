package local

import (
	"context"
	"fmt"
	"io"
	"iter"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Source reads a folder of the user's as it is. Keys are paths below its root, byte for byte; there is none with a
// component that is empty, "." or "..". Links to files are followed; links to folders are, where a key or a prefix
// names them.
type Source struct {
	root string
}

// NewSource makes a source of the folder root.
func NewSource(root string) (*Source, error) {
	abs, err := folder(root)
	if err != nil {
		return nil, err
	}
	if abs == "/" {
		abs = ""
	}
	return &Source{root: abs}, nil
}

// List implements storage.Source. What is neither file nor folder is left out.
func (s *Source) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		for e, err := range walk(ctx, s.root, prefix, after, func(string) bool { return false }) {
			if err != nil {
				yield(storage.Info{}, storage.Fail("list", prefix, err))
				return
			}
			if !yield(sourceInfo(e.key, e.st), nil) {
				return
			}
		}
	}
}

// Stat implements storage.Source.
func (s *Source) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := ctx.Err(); err != nil {
		return storage.Info{}, storage.Fail("stat", key, err)
	}
	if !clean(key) {
		return storage.Info{}, storage.Fail("stat", key, storage.ErrNotExist)
	}
	st, err := stat(s.root + "/" + key)
	switch {
	case err == nil && isFolder(st) || err != nil && absent(err):
		err = storage.ErrNotExist
	case err == nil && !regular(st):
		err = errs.New(errs.Invalid, "neither file nor folder")
	}
	if err != nil {
		return storage.Info{}, storage.Fail("stat", key, err)
	}
	return sourceInfo(key, st), nil
}

// Open implements storage.Source. A file that is written to while it is read is found out when the end of the range is
// reached, as far as its time stamps tell.
func (s *Source) Open(ctx context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	err := ctx.Err()
	if err == nil && !clean(key) {
		err = storage.ErrNotExist
	}
	if err == nil && off < 0 {
		err = errs.New(errs.Invalid, "negative offset %d", off)
	}
	if err != nil {
		return nil, storage.Info{}, storage.Fail("open", key, err)
	}
	path := s.root + "/" + key
	fd, st, err := openInput(path)
	if err != nil {
		return nil, storage.Info{}, storage.Fail("open", key, err)
	}
	info := sourceInfo(key, st)
	if want != "" && info.Version != want {
		_ = unix.Close(fd) // only read
		return nil, storage.Info{}, storage.Fail("open", key, fmt.Errorf("changed: %w", storage.ErrPrecondition))
	}
	off = min(off, st.Size)
	if left := st.Size - off; n < 0 || n > left {
		n = left
	}
	return &input{ctx: ctx, key: key, path: path, fd: fd, off: off, left: n, as: st, watch: want != ""}, info, nil
}

var errChangedMeanwhile = fmt.Errorf("changed while it was read: %w", storage.ErrPrecondition)

func sourceInfo(key string, st unix.Stat_t) storage.Info {
	info := infoOf(key, st)
	info.Version = sourceVersion(st)
	return info
}

func sourceVersion(st unix.Stat_t) storage.Version {
	return storage.Version(stamps(st.Ino, uint64(st.Size), uint64(st.Mtim.Nano()), uint64(st.Ctim.Nano())))
}

// same says that two looks at a file found the same version.
func same(a, b unix.Stat_t) bool {
	return a.Ino == b.Ino && a.Size == b.Size && a.Mtim == b.Mtim && a.Ctim == b.Ctim
}
