// Package tempdir makes folders in the system's temporary folder that everybody can tell to be abandoned: whoever made one
// holds a lock in it, which the kernel takes back when the process ends, however that happens. So nothing of a living process
// is ever removed, not even where processes of several containers, with the same ids, share the folder.
package tempdir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Prefixes of the names. That of sockets is short, for the path of a socket may have about a hundred bytes.
const (
	Sockets = "mrp-"
	Work    = "mrctl-tmp-"
)

// lockWithin is how long after its making a folder may be without the file of its lock.
const lockWithin = time.Minute

const lockName = "lock"

// Dir is a folder of this process.
type Dir struct {
	Path string
	lock *os.File
}

// Make makes a folder below root, "" for the system's temporary folder.
func Make(root, prefix string) (*Dir, error) {
	for {
		path, err := os.MkdirTemp(root, prefix)
		if err != nil {
			return nil, err
		}
		f, err := lock(filepath.Join(path, lockName))
		switch {
		case err == nil && there(f):
			return &Dir{Path: path, lock: f}, nil
		case err == nil: // somebody found it before it was locked, and took it for abandoned
			_ = f.Close() // nothing was written
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, os.ErrNotExist):
			return nil, errors.Join(err, os.RemoveAll(path))
		}
	}
}

// there says that a file still lies where it was opened.
func there(f *os.File) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(f.Name())
	return err == nil && os.SameFile(a, b)
}

// Remove removes the folder with all that is in it. Idempotent; of nil it does nothing.
func (d *Dir) Remove() error {
	if d == nil {
		return nil
	}
	err := os.RemoveAll(d.Path)
	_ = d.lock.Close() // closed twice, or nothing was written
	return err
}

// lock takes the lock, which goes with the file.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Abandoned calls found for each folder below the system's temporary folders whose process has ended. The folder is nobody's
// while found runs, which may remove it. An error of found ends the search.
func Abandoned(found func(path string) error) error {
	roots := []string{filepath.Clean(os.TempDir()), "/tmp"}
	for _, root := range slices.Compact(roots) {
		if err := abandoned(root, time.Now(), found); err != nil {
			return err
		}
	}
	return nil
}

func abandoned(root string, now time.Time, found func(path string) error) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil // what cannot be seen cannot be removed
	}
	for _, e := range entries {
		info, err := e.Info()
		mine := strings.HasPrefix(e.Name(), Sockets) || strings.HasPrefix(e.Name(), Work)
		if err != nil || !mine || !e.IsDir() {
			continue
		}
		path := filepath.Join(root, e.Name())
		if _, err := os.Stat(filepath.Join(path, lockName)); err != nil && now.Sub(info.ModTime()) < lockWithin {
			continue // its lock is about to be made
		}
		f, err := lock(filepath.Join(path, lockName))
		if err != nil {
			continue // its process lives, or it is another user's
		}
		err = found(path)
		_ = f.Close() // nothing was written
		if err != nil {
			return err
		}
	}
	return nil
}
