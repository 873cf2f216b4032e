package wordcount

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hugePage = 2 << 20
	slotSize = int(unsafe.Sizeof(slot{}))
)

// pages is where tables lie: on the garbage-collected heap, or on huge pages outside it.
type pages struct {
	huge bool
	maps map[*slot][]byte // what free has to unmap
}

// slots gives n free slots. Small tables, and all where the system refuses, lie on the heap.
func (p *pages) slots(n int) []slot {
	if !p.huge || n*slotSize < hugePage {
		return make([]slot, n)
	}
	// One page more than is needed: a huge page begins at a multiple of its size only.
	m, err := unix.Mmap(-1, 0, n*slotSize+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return make([]slot, n)
	}
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(m))) % hugePage)
	_ = unix.Madvise(m[skip:skip+n*slotSize], unix.MADV_HUGEPAGE) // without it the table is right but slower
	s := unsafe.Slice((*slot)(unsafe.Pointer(&m[skip])), n)
	if p.maps == nil {
		p.maps = map[*slot][]byte{}
	}
	p.maps[&s[0]] = m
	return s
}

// free gives back what slots gave.
func (p *pages) free(s []slot) {
	if len(s) == 0 {
		return
	}
	if m, ok := p.maps[&s[0]]; ok {
		delete(p.maps, &s[0])
		_ = unix.Munmap(m) // fails only for what is not mapped
	}
}
