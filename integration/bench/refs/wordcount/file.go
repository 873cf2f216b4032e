package wordcount

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const readSize = 1 << 20

// Read counts the words of a stream.
func (c *Counter) Read(r io.Reader) error {
	buf := make([]byte, readSize)
	held := 0 // bytes of buf that begin a word whose end is not read yet
	for {
		n, err := r.Read(buf[held:])
		held += n
		if errors.Is(err, io.EOF) {
			c.Add(buf[:held])
			return nil
		}
		if err != nil {
			return err
		}
		whole := lastBlank(buf[:held]) + 1
		c.Add(buf[:whole])
		held = copy(buf, buf[whole:held])
		if held == len(buf) { // one word fills it
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// CountFile counts a file with as many goroutines as threads says, each with a table of its own, merged in the end.
func CountFile(path string, threads int, huge bool) (*Counter, error) {
	return countFile(path, threads, huge, 4<<20)
}

func countFile(path string, threads int, huge bool, chunkSize int) (_ *Counter, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if threads <= 1 {
		c := NewCounter(huge)
		return c, c.Read(f)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	counters := make([]*Counter, threads)
	var next atomic.Int64
	var g errgroup.Group
	for i := range counters {
		counters[i] = NewCounter(huge)
		g.Go(func() error {
			var buf []byte
			for {
				begin := (next.Add(1) - 1) * int64(chunkSize)
				if begin >= info.Size() {
					return nil
				}
				chunk, err := readChunk(f, &buf, begin, chunkSize)
				if err != nil {
					return err
				}
				counters[i].Add(chunk)
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, c := range counters[1:] {
		counters[0].Merge(c)
		c.Close()
	}
	return counters[0], nil
}

// readChunk reads the words that begin in the chunk at begin, into buf, which it makes and enlarges. A word that is cut
// by the chunk's beginning belongs to the chunk before.
func readChunk(f io.ReaderAt, buf *[]byte, begin int64, chunkSize int) ([]byte, error) {
	from := max(0, begin-1) // the byte before tells whether a word begins with the chunk
	for extra := 4 << 10; ; extra *= 2 {
		size := int(begin-from) + chunkSize
		if len(*buf) < size+extra {
			*buf = make([]byte, size+extra)
		}
		n, err := f.ReadAt((*buf)[:size+extra], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		text := (*buf)[:n]
		end := n
		if n > size {
			end = wordEnd(text, size)
			if text[size-1] <= ' ' {
				end = size
			}
			if end == n && err == nil { // the word goes on behind what was read
				continue
			}
		}
		start := 0
		if begin > 0 {
			start = min(wordEnd(text, 0), end)
		}
		return text[start:end], nil
	}
}

// lastBlank is the index of the last byte of text that is in no word; -1 when there is none.
func lastBlank(text []byte) int {
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		return i // nearly always, and fast
	}
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] <= ' ' {
			return i
		}
	}
	return -1
}
