package boundary

import (
	"strings"
	"unsafe"
)

// stride is how much is copied at a time. The runtime moves a MiB and more around the caches, which is right for memory that
// nobody is about to read; batches are read next.
const stride = 128 << 10

// copyWarm is copy, for what is read next.
func copyWarm(dst, src []byte) {
	for len(src) > stride {
		copy(dst, src[:stride])
		dst, src = dst[stride:], src[stride:]
	}
	copy(dst, src)
}

// cloneWarm is a copy of src, for what is read next, in memory that was not cleared first.
func cloneWarm(src []byte) []byte {
	var b strings.Builder
	b.Grow(len(src))
	for len(src) > stride {
		b.Write(src[:stride])
		src = src[stride:]
	}
	b.Write(src)
	s := b.String()
	return unsafe.Slice(unsafe.StringData(s), len(s)) // nobody has the string
}
