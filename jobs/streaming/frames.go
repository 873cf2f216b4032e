package streaming

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// framing is how records, pairs and rows stand one after another in what a command reads and writes. A value in lines
// keeps the tab before it, so that key and value together are the line, with a tab or without one.
type framing interface {
	// record adds a record for a map command.
	record(dst, rec []byte) []byte
	// pair adds a pair for a combine or reduce command.
	pair(dst, key, val []byte) []byte
	// cut gives the first unit of what a command wrote and how many bytes it takes; 0: it is not whole. A unit is a pair, or a
	// row where the command reduces.
	cut(b []byte) (unit []byte, n int)
	// split cuts a unit that is a pair.
	split(unit []byte) (key, val []byte)
	// last makes the end of an output whole, or says why it cannot.
	last(b []byte) ([]byte, error)
}

type lines struct{}

func (lines) record(dst, rec []byte) []byte {
	dst = append(dst, rec...)
	if n := len(rec); n == 0 || rec[n-1] != '\n' {
		dst = append(dst, '\n')
	}
	return dst
}

func (lines) pair(dst, key, val []byte) []byte {
	dst = append(dst, key...)
	dst = append(dst, val...)
	return append(dst, '\n')
}

func (lines) cut(b []byte) ([]byte, int) {
	n := bytes.IndexByte(b, '\n') + 1
	return b[:max(n-1, 0)], n
}

func (lines) split(line []byte) (key, val []byte) {
	if i := bytes.IndexByte(line, '\t'); i >= 0 {
		return line[:i], line[i:]
	}
	return line, nil
}

func (lines) last(b []byte) ([]byte, error) {
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	return b, nil
}

// frames are of whatever bytes. A pair is a frame for the key and one for the value.
type frames struct{ rows bool }

var be = binary.BigEndian

func frame(dst, b []byte) []byte { return append(be.AppendUint32(dst, uint32(len(b))), b...) }

func (frames) record(dst, rec []byte) []byte { return frame(dst, rec) }

func (frames) pair(dst, key, val []byte) []byte { return frame(frame(dst, key), val) }

func (f frames) cut(b []byte) ([]byte, int) {
	unit, n := unframe(b)
	if f.rows || n == 0 {
		return unit, n
	}
	_, m := unframe(b[n:])
	if m == 0 {
		return nil, 0
	}
	return b[:n+m], n + m
}

func (frames) split(unit []byte) (key, val []byte) {
	key, n := unframe(unit)
	val, _ = unframe(unit[n:])
	return key, val
}

func (f frames) last(b []byte) ([]byte, error) {
	for rest := b; len(rest) > 0; {
		_, n := f.cut(rest)
		if n == 0 {
			return nil, fmt.Errorf("its output ends within a frame, of which %d bytes came", len(rest))
		}
		rest = rest[n:]
	}
	return b, nil
}

// unframe gives the content of the first frame and the bytes it takes, 0 if it is not whole.
func unframe(b []byte) ([]byte, int) {
	if len(b) < 4 {
		return nil, 0
	}
	n := 4 + int(be.Uint32(b))
	if len(b) < n {
		return nil, 0
	}
	return b[4:n], n
}

var _, _ framing = lines{}, frames{}
