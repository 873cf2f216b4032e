package combine

import "golang.org/x/sys/unix"

// mapFrom is the size, in bytes, from which memory lies outside the Go heap, in huge pages.
const mapFrom = 2 << 20

func take(n int) []byte {
	if n >= mapFrom {
		if b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE); err == nil {
			_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a hint: without it the table is right, only slower
			return b
		}
	}
	return make([]byte, n)
}

func release(b []byte) {
	if len(b) >= mapFrom {
		_ = unix.Munmap(b) // of memory that mmap refused: fails, and the garbage collector has it
	}
}
