package local

import (
	"context"
	"io"
	"iter"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	f, info, err := s.open(ctx, key)
	if err != nil {
		return nil, storage.Info{}, storage.Fail("get", key, err)
	}
	defer f.Close() // only read
	if info.Size > storage.MaxRecord {
		return nil, storage.Info{}, storage.Fail("get", key, errs.New(errs.Invalid, "%d bytes are too many for a record", info.Size))
	}
	body := make([]byte, info.Size)
	if _, err := io.ReadFull(f, body); err != nil {
		return nil, storage.Info{}, storage.Fail("get", key, err)
	}
	return body, info, nil
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	if off < 0 {
		return nil, storage.Info{}, storage.Fail("open", key, errs.New(errs.Invalid, "negative offset %d", off))
	}
	f, info, err := s.open(ctx, key)
	if err != nil {
		return nil, storage.Info{}, storage.Fail("open", key, err)
	}
	return section(ctx, f, info, off, n), info, nil
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	f, info, err := s.open(ctx, key)
	if err != nil {
		return storage.Info{}, storage.Fail("stat", key, err)
	}
	defer f.Close() // only read
	return info, nil
}

// List implements storage.Store. Files that are no keys of ours are listed too, but for those that begin with a dot.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		hidden := func(name string) bool { return name[0] == '.' }
		for e, err := range walk(ctx, s.root, prefix, after, hidden) {
			if err != nil {
				yield(storage.Info{}, storage.Fail("list", prefix, err))
				return
			}
			if !yield(infoOf(e.key, e.st), nil) {
				return
			}
		}
	}
}

// open opens the object at key. What is described is what is open, whatever happens to the key meanwhile.
func (s *Store) open(ctx context.Context, key string) (*os.File, storage.Info, error) {
	if err := check(ctx, key); err != nil {
		return nil, storage.Info{}, err
	}
	f, st, err := openRegular(s.path(key))
	if err != nil {
		return nil, storage.Info{}, err
	}
	info := infoOf(key, st)
	if info.Meta, err = getMeta(f); err != nil {
		f.Close()
		return nil, storage.Info{}, err
	}
	return f, info, nil
}

// openRegular opens a file; a folder there is as good as nothing.
func openRegular(path string) (*os.File, unix.Stat_t, error) {
	st, err := stat(path)
	if err == nil && isFolder(st) || err != nil && absent(err) {
		return nil, st, storage.ErrNotExist
	}
	if err == nil && !regular(st) { // opening a pipe would wait for its writer
		err = errs.New(errs.Invalid, "%s is neither file nor folder", path)
	}
	if err != nil {
		return nil, st, err
	}
	f, err := os.Open(path)
	if err != nil {
		if absent(err) {
			err = storage.ErrNotExist
		}
		return nil, st, err
	}
	if st, err = fstat(f); err != nil {
		f.Close()
		return nil, st, err
	}
	return f, st, nil
}

// section is the body of an open object from off, n bytes of it or all.
func section(ctx context.Context, f *os.File, info storage.Info, off, n int64) *body {
	off = min(off, info.Size)
	if left := info.Size - off; n < 0 || n > left {
		n = left
	}
	return &body{ctx: ctx, key: info.Key, f: f, r: io.NewSectionReader(f, off, n), left: n}
}

// body reads a section of a file. It ends early with an error where the file has become shorter.
type body struct {
	ctx  context.Context // the one given to Open bounds the reader's life
	key  string
	f    *os.File
	r    io.Reader
	left int64
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, storage.Fail("read", b.key, err)
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err == io.EOF {
		if b.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil && err != io.EOF {
		err = storage.Fail("read", b.key, err)
	}
	return n, err
}

func (b *body) Close() error { return b.f.Close() }

// clean says whether every component of a relative path is a plain name.
func clean(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return !strings.Contains(path, "\x00")
}
