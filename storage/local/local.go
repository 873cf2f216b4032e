// Package local is a Store in a folder, and a Source over any folder.
//
// Objects are plain files at their keys' paths, for everybody to read. Beside them lie only temporary files,
// ".mrctl-<name>-<id>" in the folder of what they will become; a key cannot begin with a dot, so no listing shows them.
// Whatever a process that was killed leaves behind is such a file.
//
// How the contract is kept:
//
//   - A file is written whole under its temporary name, synced, and then linked or renamed into place, so readers see
//     all of it or nothing, and an open reader keeps what it opened. Creating is link, which fails where something is.
//   - Replacing is rename under flock on the very file that is replaced. There are no lock files: whoever can reach
//     the object can lock it, whatever else he has configured, and nothing is left beside a user's output.
//   - A version is (inode, size, modification time), never a hash of content. Time stamps are set by us, in whole
//     microseconds, and grow strictly along the contents of one key, so no version returns. The device is left out
//     because hosts number the devices of a shared file system differently. A Source adds the change time.
//   - Folders on the way are created as needed, each synced into its parent, and never removed.
//
// Metadata given to Create is kept in an extended attribute; where the file system has none, it is lost.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Options of a folder. The zero value is right for state that matters.
type Options struct {
	// NoSync leaves out all fsync calls: for state that need not survive a power cut. The death of processes is
	// survived either way.
	NoSync bool
}

// Store is a folder with the contract of storage.Store.
type Store struct {
	root string // absolute
	opts Options

	mu     sync.Mutex
	synced map[string]bool // folders known to be durable in their parents; guarded by mu
	shared string          // what kind of network file system the root is on, "" for none; guarded by mu
	probed bool            // shared is known; guarded by mu
}

// New makes a store of the folder root, which need not exist: the first write makes it.
func New(root string, opts Options) (*Store, error) {
	abs, err := folder(root)
	if err != nil {
		return nil, err
	}
	return &Store{root: abs, opts: opts, synced: map[string]bool{}}, nil
}

// Root is the folder's absolute path.
func (s *Store) Root() string { return s.root }

// folder gives the absolute path of root, which must be a folder where it exists.
func folder(root string) (string, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return "", errs.E(errs.Invalid, "folder", root, err)
	}
	switch info, err := os.Stat(abs); {
	case err == nil && !info.IsDir():
		return "", errs.E(errs.Invalid, "folder", abs, errors.New("is a file"))
	case err != nil && !absent(err):
		return "", errs.E(errs.Invalid, "folder", abs, err)
	}
	return abs, nil
}

func (s *Store) path(key string) string { return s.root + "/" + key }

// check is what every method does first.
func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return storage.CheckKey(key)
}

// makeParents makes the folders above path and sees to it that they survive a power cut.
func (s *Store) makeParents(path string) error {
	dir := filepath.Dir(path)
	s.mu.Lock()
	done := s.synced[dir]
	s.mu.Unlock()
	if done {
		if _, err := os.Stat(dir); err == nil {
			return nil
		}
	}
	fresh := 0
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		fresh++
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		if blocked(err) {
			return errs.New(errs.Invalid, "one key is a folder of another: %w", err)
		}
		return err
	}
	// Below the root those that were there before count too: their maker may not have come to sync them yet.
	for d := dir; !s.opts.NoSync && (fresh > 0 || len(d) > len(s.root)); d = filepath.Dir(d) {
		if err := syncDir(filepath.Dir(d)); err != nil {
			return err
		}
		fresh--
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced[dir] = true
	return nil
}

// settle makes a change in path's folder durable. The change is made: what fails here leaves its outcome open.
func (s *Store) settle(path string) error {
	if s.opts.NoSync {
		return nil
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return storage.Unknown(err)
	}
	return nil
}

// lockable refuses the folders in which flock cannot be trusted.
func (s *Store) lockable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.probed {
		kind, err := networkFS(s.root)
		if err != nil {
			return fmt.Errorf("find out the file system of %s: %w", s.root, err)
		}
		s.shared, s.probed = kind, true
	}
	if s.shared != "" {
		return errs.New(errs.Invalid, "%s is on %s, whose locks cannot be trusted: use a local folder or s3://", s.root, s.shared)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || blocked(err) }
