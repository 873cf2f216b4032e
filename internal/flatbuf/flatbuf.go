// Package flatbuf reads what Arrow's metadata is written in, as far as it must be looked at before the library reads it
// (https://flatbuffers.dev/internals).
package flatbuf

import (
	"encoding/binary"
	"errors"
)

// Buffer is a FlatBuffers buffer. Its methods panic, as slices do, where something points outside of it; whoever calls them
// contains that.
type Buffer []byte

// ErrCount says that a vector claims more elements than there are.
var ErrCount = errors.New("it claims more than there is")

// Root is the place of the outermost table.
func (b Buffer) Root() int { return int(binary.LittleEndian.Uint32(b)) }

// Ref is the place that a field of a table refers to; 0: it has none.
func (b Buffer) Ref(table, field int) int {
	le := binary.LittleEndian
	offsets := b[table-int(int32(le.Uint32(b[table:]))):]
	slot := 4 + 2*field
	if int(le.Uint16(offsets)) <= slot || le.Uint16(offsets[slot:]) == 0 {
		return 0
	}
	at := table + int(le.Uint16(offsets[slot:]))
	return at + int(le.Uint32(b[at:]))
}

// Vector is where the elements of a vector, of so many bytes each, begin, and how many there are.
func (b Buffer) Vector(at, each int) (from, n int, err error) {
	if at == 0 {
		return 0, 0, nil
	}
	n = int(binary.LittleEndian.Uint32(b[at:]))
	if n > len(b[at+4:])/each {
		return 0, 0, ErrCount
	}
	return at + 4, n, nil
}
