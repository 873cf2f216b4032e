//go:build !linux

package shm

import "github.com/mrctl/mrctl/internal/errs"

// Supported tells whether this platform has sealed anonymous files.
const Supported = false

var errUnsupported = errs.New(errs.Invalid, "shared memory: not on this platform")

// New always fails here: batches travel on the stream.
func New(segments, size int) (*Region, error) { return nil, errUnsupported }

// Attach always fails here.
func Attach(fd uintptr, segments, size int) (*Region, error) { return nil, errUnsupported }

// Close does nothing here.
func (r *Region) Close() error { return nil }

// Drop always fails here.
func (r *Region) Drop(i uint32) error { return errUnsupported }

// Again always fails here.
func (r *Region) Again() (*Region, error) { return nil, errUnsupported }
