// Package netcopy copies bytes from one process to another over one stream of the plainest kind: read, write, nothing
// else. What a shuffle or a plugin boundary reaches is measured against it.
//
// The bytes come from memory that stays in the cache, in writes of Chunk bytes; the receiver reads a word of each cache
// line, as whoever uses the bytes would, and answers with their number once the stream has ended.
package netcopy

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Chunk is the size of a write and of the receiver's reads, in bytes.
const Chunk = 1 << 20

// Send sends n bytes, ends the stream and waits for the receiver's answer. It gives the time from the first byte to the
// answer; a handshake comes before.
func Send(c net.Conn, n int64) (time.Duration, error) {
	if t, ok := c.(*tls.Conn); ok {
		if err := t.Handshake(); err != nil {
			return 0, err
		}
	}
	chunk := make([]byte, Chunk)
	for i := range chunk {
		chunk[i] = byte(i)
	}
	begin := time.Now()
	for left := n; left > 0; {
		k, err := c.Write(chunk[:min(left, Chunk)])
		if err != nil {
			return 0, err
		}
		left -= int64(k)
	}
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return 0, fmt.Errorf("a %T cannot end its sending side", c)
	}
	if err := half.CloseWrite(); err != nil {
		return 0, err
	}
	var a answer
	if err := binary.Read(c, binary.LittleEndian, &a); err != nil {
		return 0, fmt.Errorf("no answer from the receiver: %w", err)
	}
	if a.Bytes != n {
		return 0, fmt.Errorf("%d of %d bytes arrived", a.Bytes, n)
	}
	return time.Since(begin), nil
}

// answer is what the receiver sends back.
type answer struct {
	Bytes int64
	Sum   uint64 // of some of the bytes; only shows that they were looked at
}

// Receive reads a stream to its end and answers.
func Receive(c net.Conn) error {
	buf := make([]byte, Chunk)
	var a answer
	for {
		n, err := c.Read(buf)
		for i := 0; i < n; i += 64 {
			a.Sum += uint64(buf[i])
		}
		a.Bytes += int64(n)
		if errors.Is(err, io.EOF) {
			return binary.Write(c, binary.LittleEndian, a)
		}
		if err != nil {
			return err
		}
	}
}
