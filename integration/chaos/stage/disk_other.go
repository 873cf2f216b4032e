//go:build !linux

package stage

import "errors"

// CanMount says that a disk of our own can be mounted: it cannot.
func CanMount() bool { return false }

func (s *Stage) mountScratch() error {
	return errors.New("there are no disks of our own on this system")
}

func (s *Stage) unmount() error { return nil }

// Fill would take all the space of a worker's disk.
func (s *Stage) Fill(*Node) (empty func(), err error) { return func() {}, s.mountScratch() }
