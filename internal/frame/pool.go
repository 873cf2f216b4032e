package frame

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// Pool keeps the buffers of bodies, and of the HTTP/2 frames they travel in, for use again. It differs from gRPC's own in
// that it does not clear them: what reads into them fills them, and clearing is a pass over every byte that moves.
var Pool mem.BufferPool = &pool{}

// sizes of the buffers that are kept, ascending: an HTTP/2 frame as gRPC cuts them, and whole bodies.
var sizes = [...]int{16 << 10, 64 << 10, 256 << 10, MaxBody}

type pool struct{ free [len(sizes)]sync.Pool }

func (p *pool) Get(n int) *[]byte {
	for i, size := range sizes {
		if n > size {
			continue
		}
		b, ok := p.free[i].Get().(*[]byte)
		if !ok {
			fresh := make([]byte, size)
			b = &fresh
		}
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n)
	return &b
}

func (p *pool) Put(b *[]byte) {
	for i, size := range sizes {
		if cap(*b) == size {
			p.free[i].Put(b) // it is another's from here on
			return
		}
	}
}
