package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// PutIf implements storage.Store.
func (s *Store) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	err := check(ctx, key)
	if err == nil && len(body) > storage.MaxRecord {
		err = errs.New(errs.Invalid, "%d bytes are too many for a record", len(body))
	}
	if err == nil {
		err = s.lockable()
	}
	if err != nil {
		return "", storage.Fail("put", key, err)
	}
	v, err := s.put(ctx, s.path(key), body, want)
	return v, storage.Fail("put", key, err)
}

func (s *Store) put(ctx context.Context, path string, body []byte, want storage.Version) (_ storage.Version, err error) {
	// Looking first spares the loser of a race the writing; what decides comes after it.
	if err := refuse(path, want); err != nil {
		return "", err
	}
	if err := s.makeParents(path); err != nil {
		return "", err
	}
	f, err := newTemp(path)
	if err != nil {
		return "", err
	}
	defer func() { // after a link it is one name too many, after a rename there is none, after an error it is garbage
		if rm := os.Remove(f.Name()); rm != nil && !errors.Is(rm, fs.ErrNotExist) && err == nil {
			err = storage.Unknown(rm)
		}
		f.Close() // all is synced
	}()
	if _, err := f.Write(body); err != nil {
		return "", err
	}
	st, err := s.seal(f, time.Time{})
	if err != nil {
		return "", err
	}
	if want == "" {
		if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
			if err = refuse(path, want); err == nil {
				err = storage.ErrPrecondition // it was there, and is gone again
			}
		}
	} else {
		st, err = s.replace(ctx, f, path, want)
	}
	if err != nil {
		return "", err
	}
	return versionOf(st), s.settle(path)
}

// refuse says why nothing of version want can be replaced at path, if so it is.
func refuse(path string, want storage.Version) error {
	st, err := stat(path)
	switch {
	case err != nil && !absent(err):
		return err
	case err != nil && want == "":
		return nil
	case err != nil:
		return storage.ErrPrecondition
	case isFolder(st):
		return errs.New(errs.Invalid, "is a folder of other keys")
	case versionOf(st) != want:
		return storage.ErrPrecondition
	}
	return nil
}

// replace renames the sealed file f to path while that has version want.
func (s *Store) replace(ctx context.Context, f *os.File, path string, want storage.Version) (st unix.Stat_t, err error) {
	err = locked(ctx, path, func(old unix.Stat_t) error {
		if versionOf(old) != want {
			return storage.ErrPrecondition
		}
		if st, err = fstat(f); err != nil {
			return err
		}
		if !mtime(st).After(mtime(old)) { // the clock went back
			if st, err = s.seal(f, mtime(old)); err != nil {
				return err
			}
		}
		return os.Rename(f.Name(), path)
	})
	if errors.Is(err, storage.ErrNotExist) {
		err = storage.ErrPrecondition
	}
	return st, err
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return storage.Fail("delete", key, err)
	}
	path := s.path(key)
	err := locked(ctx, path, func(unix.Stat_t) error { return os.Remove(path) })
	switch {
	case errors.Is(err, storage.ErrNotExist):
		err = nil
	case err == nil:
		err = s.settle(path)
	}
	return storage.Fail("delete", key, err)
}

// locked runs f while it holds the lock of the file at path: as long as f runs, nobody else replaces or removes it.
// The lock belongs to the file, not to the name, so once it is held the name is looked up again.
func locked(ctx context.Context, path string, f func(unix.Stat_t) error) error {
	for {
		file, st, err := openRegular(path)
		if err != nil {
			return err
		}
		if err := flock(ctx, file); err != nil {
			file.Close()
			return err
		}
		now, err := stat(path)
		if err == nil && now.Ino == st.Ino && now.Dev == st.Dev {
			err = f(now)
			unlock(file)
			return err
		}
		unlock(file)
		if err != nil {
			if absent(err) {
				err = storage.ErrNotExist
			}
			return err
		}
	}
}

// flock waits for the lock by asking again and again, because flock(2) itself would not hear of the context's end.
func flock(ctx context.Context, f *os.File) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
		timer.Reset(wait)
	}
}

// unlock lets go at once, even where a child being forked holds a copy of the descriptor.
func unlock(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN) // closing would do it too
	f.Close()
}
