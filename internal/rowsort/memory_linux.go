package rowsort

import "golang.org/x/sys/unix"

// hugeFrom is the size, in bytes, from which a sorter lies in huge pages, outside the Go heap: gathering reads all over
// it, and with small pages each read would look for its page first.
const hugeFrom = 2 << 20

// allocate gives n zero bytes, none of which takes memory before it is touched.
func allocate(n int) []byte {
	if n >= hugeFrom {
		mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
		if err == nil {
			_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // a hint: without it the sorter is right, only slower
			return mem
		}
	}
	return make([]byte, n)
}

func release(mem []byte) {
	if len(mem) >= hugeFrom {
		_ = unix.Munmap(mem) // of memory that mmap refused: fails, and the garbage collector has it
	}
}
