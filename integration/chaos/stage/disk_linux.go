package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// CanMount says that a disk of our own can be mounted.
func CanMount() bool {
	dir, err := os.MkdirTemp("", "mrctl-chaos-")
	if err != nil {
		return false
	}
	defer func() { _ = os.Remove(dir) }() // empty
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		return false
	}
	return unix.Unmount(dir, 0) == nil
}

// mountScratch gives each worker a small disk of its own.
func (s *Stage) mountScratch() error {
	for _, w := range s.Workers {
		if err := os.MkdirAll(w.Scratch, 0o700); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", w.Scratch, "tmpfs", 0, "size=512m"); err != nil {
			return fmt.Errorf("mount a disk at %s: %w", w.Scratch, err)
		}
		s.mounts = append(s.mounts, w.Scratch)
	}
	return nil
}

func (s *Stage) unmount() error {
	var all []error
	for _, dir := range s.mounts {
		all = append(all, unix.Unmount(dir, unix.MNT_DETACH))
	}
	s.mounts = nil
	return errors.Join(all...)
}

// Fill takes all the space that is left on a worker's disk, until empty is called.
func (s *Stage) Fill(n *Node) (empty func(), err error) {
	path := filepath.Join(n.Scratch, "ballast")
	f, err := os.Create(path)
	if err != nil {
		return func() {}, err
	}
	for piece := make([]byte, 1<<20); len(piece) > 0; {
		if _, err := f.Write(piece); err != nil {
			piece = piece[:len(piece)/2] // down to the last byte
		}
	}
	return func() { _ = os.Remove(path) }, f.Close()
}
