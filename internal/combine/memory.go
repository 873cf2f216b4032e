package combine

import "unsafe"

// memory is bytes without Go pointers, zero at first, at an address that any value may lie at.
type memory struct{ b []byte }

func allocate(n int) *memory { return &memory{b: take(n)} }

// grow makes the memory larger and keeps its first used bytes.
func (m *memory) grow(n, used int) {
	old := m.replace(n)
	copy(m.b, old[:used])
	release(old)
}

// replace gives what there was; the memory is another, of n bytes.
func (m *memory) replace(n int) (old []byte) {
	old, m.b = m.b, take(n)
	return old
}

// release gives the memory back. Idempotent.
func (m *memory) release() {
	release(m.b)
	m.b = nil
}

func (m *memory) words() []uint64 { return words(m.b) }

func words(b []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}
