// Package shm is memory that a worker and its plugin both see: one region cut into segments of equal size.
//
// The worker makes the region and hands its file to the plugin as an inherited descriptor; batches then lie in segments
// and only (segment, offset, length) travels. The plugin is not trusted: the file is sealed, so that it cannot shrink
// under the worker's feet (a read past its end would be SIGBUS), every place is checked against the segment's bounds,
// and bytes the plugin can still change are copied before they are believed.
package shm

import (
	"context"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"github.com/mrctl/mrctl/internal/errs"
)

// Region is a mapping of the shared file. Its methods are safe for concurrent use; who may touch which segment when is
// for the parties to agree.
type Region struct {
	file *os.File // nil on the side that was given a descriptor
	mem  []byte
	size int // of a segment, in bytes
}

// Segments is how many there are.
func (r *Region) Segments() int { return len(r.mem) / r.size }

// SegmentSize is the size of each, in bytes.
func (r *Region) SegmentSize() int { return r.size }

// File is what the other side maps. It stays open as long as the region.
func (r *Region) File() *os.File { return r.file }

// Segment is the memory of segment i, with no room to grow past its end.
func (r *Region) Segment(i uint32) []byte {
	lo := int(i) * r.size
	return r.mem[lo : lo+r.size : lo+r.size]
}

// Slice is the memory at a place that the other side named. A place outside one segment is errs.Corrupt.
func (r *Region) Slice(segment uint32, offset, length uint64) ([]byte, error) {
	size := uint64(r.size)
	if uint64(segment) >= uint64(r.Segments()) || offset > size || length > size-offset {
		return nil, errs.E(errs.Corrupt, "shared memory", "", fmt.Errorf("segment %d, offset %d, length %d lies outside %d segments of %d bytes",
			segment, offset, length, r.Segments(), r.size))
	}
	return r.Segment(segment)[offset : offset+length : offset+length], nil
}

// Find gives the place of b, whose memory lies in one segment of this mapping. ok is false where it does not.
func (r *Region) Find(b []byte) (segment uint32, offset uint64, ok bool) {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(unsafe.Pointer(unsafe.SliceData(r.mem)))
	if cap(b) == 0 || from >= uintptr(len(r.mem)) { // one below the region is a huge number
		return 0, 0, false
	}
	segment, offset = uint32(from/uintptr(r.size)), uint64(from%uintptr(r.size))
	return segment, offset, offset+uint64(len(b)) <= uint64(r.size)
}

// Pool hands out a fixed set of segments, one owner at a time.
type Pool struct {
	free chan uint32

	mu  sync.Mutex
	out map[uint32]bool // guarded by mu; handed out
}

// NewPool starts with all of ids free.
func NewPool(ids []uint32) *Pool {
	p := &Pool{free: make(chan uint32, len(ids)), out: make(map[uint32]bool, len(ids))}
	for _, id := range ids {
		p.free <- id
	}
	return p
}

// Get waits for a free segment.
func (p *Pool) Get(ctx context.Context) (uint32, error) {
	select {
	case id := <-p.free:
		p.mu.Lock()
		p.out[id] = true
		p.mu.Unlock()
		return id, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Put gives a segment back. One that was not handed out is errs.Corrupt: the other side lies.
func (p *Pool) Put(id uint32) error {
	p.mu.Lock()
	had := p.out[id]
	delete(p.out, id)
	p.mu.Unlock()
	if !had {
		return errs.New(errs.Corrupt, "shared memory: segment %d was given back, but not handed out", id)
	}
	p.free <- id // has room: at most all of them are free
	return nil
}
