package foldtable

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugeFrom is the size, in bytes, from which a table lies in huge pages, outside the Go heap.
const hugeFrom = 2 << 20

func allocate(n int) []slot {
	if size := n * int(slotSize); size >= hugeFrom {
		if mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE); err == nil {
			_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // a hint: without it the table is right, only slower
			return unsafe.Slice((*slot)(unsafe.Pointer(unsafe.SliceData(mem))), n)
		}
	}
	return make([]slot, n)
}

func release(s []slot) {
	if size := len(s) * int(slotSize); size >= hugeFrom {
		mem := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size)
		_ = unix.Munmap(mem) // of a table that mmap refused: fails, and the garbage collector has it
	}
}
