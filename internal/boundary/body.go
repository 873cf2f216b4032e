package boundary

import (
	"unsafe"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
)

// small buffers are copied together into one message; larger ones travel as they lie.
const small = 64 << 10

// cut turns the buffers of a body into the bodies of messages, at least one, none above frame.MaxBody.
func cut(buffers ...[]byte) [][]byte {
	var out [][]byte
	var joined []byte // small buffers that wait for more; the last of out when not nil
	for _, b := range buffers {
		if len(b) == 0 {
			continue
		}
		if len(joined)+len(b) <= small {
			if joined == nil {
				joined = make([]byte, 0, small)
				out = append(out, nil)
			}
			joined = append(joined, b...)
			out[len(out)-1] = joined
			continue
		}
		joined = nil
		for len(b) > 0 {
			n := min(len(b), frame.MaxBody)
			out = append(out, b[:n])
			b = b[n:]
		}
	}
	if out == nil {
		out = [][]byte{nil}
	}
	return out
}

func lengthsOf(buffers ...[]byte) (lengths []uint64, total uint64) {
	lengths = make([]uint64, 0, len(buffers))
	for _, b := range buffers {
		lengths = append(lengths, uint64(len(b)))
		total += uint64(len(b))
	}
	return lengths, total
}

// join is the inverse of cut: it takes the body of the first message and asks next for more until the buffers are
// whole. A buffer that lies within one message is not copied. Nothing the peer says is believed before it is checked.
func join(lengths []uint64, total uint64, body []byte, next func() ([]byte, error)) ([][]byte, error) {
	sum := uint64(0)
	for _, n := range lengths {
		if n > MaxBuffer {
			return nil, errs.New(errs.Corrupt, "a buffer of %d bytes is announced, above %d", n, MaxBuffer)
		}
		sum += n
	}
	if sum != total {
		return nil, errs.New(errs.Corrupt, "buffers of %d bytes in a body of %d", sum, total)
	}
	more := func() error {
		b, err := next()
		if err == nil && len(b) == 0 {
			err = errs.New(errs.Corrupt, "an empty message within a body")
		}
		body = b
		return err
	}
	out := make([][]byte, len(lengths))
	for i, n := range lengths {
		if len(body) == 0 && n > 0 {
			if err := more(); err != nil {
				return nil, err
			}
		}
		if uint64(len(body)) >= n {
			out[i], body = body[:n:n], body[n:]
			continue
		}
		whole := make([]byte, 0, n)
		for {
			k := min(uint64(len(body)), n-uint64(len(whole)))
			whole, body = append(whole, body[:k]...), body[k:]
			if uint64(len(whole)) == n {
				break
			}
			if err := more(); err != nil {
				return nil, err
			}
		}
		out[i] = whole
	}
	if len(body) > 0 {
		return nil, errs.New(errs.Corrupt, "%d bytes after the end of a body", len(body))
	}
	return out, nil
}

// int32Bytes is the memory of s.
func int32Bytes(s []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}

// int32s is b as integers; it copies where b is not aligned.
func int32s(b []byte) ([]int32, error) {
	if len(b)%4 != 0 {
		return nil, errs.New(errs.Corrupt, "%d bytes do not hold int32s", len(b))
	}
	if len(b) == 0 {
		return nil, nil
	}
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%4 != 0 {
		own := make([]int32, len(b)/4)
		copy(int32Bytes(own), b)
		return own, nil
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4), nil
}
