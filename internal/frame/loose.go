package frame

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Loose is a framed message whose body lies beside it, in counted buffers. A sender reads into buffers of Pool, which come
// back when the transport has written them; a receiver gets those the transport read into, with nothing copied. It is the
// same on the wire: either end may use it, or the message as it is.
//
// It is passed to SendMsg and RecvMsg by pointer and may be used again for the next message, after Free.
type Loose struct {
	Head Message // RecvMsg fills it; its own body stays empty
	Body mem.BufferSlice
}

// Free gives the body's buffers back. Idempotent.
func (l *Loose) Free() {
	l.Body.Free()
	clear(l.Body)
	l.Body = l.Body[:0]
}

// marshal takes references of its own to the body: the caller's stay the caller's.
func (l *Loose) marshal() (mem.BufferSlice, error) {
	head, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 0, 64), l.Head) // with room for the body's own head
	if err != nil {
		return nil, err
	}
	n := l.Body.Len()
	if n == 0 {
		return mem.BufferSlice{mem.SliceBuffer(head)}, nil
	}
	out := make(mem.BufferSlice, 1, 1+len(l.Body))
	out[0] = mem.SliceBuffer(appendBodyHead(head, n))
	l.Body.Ref()
	return append(out, l.Body...), nil
}

func appendBodyHead(head []byte, n int) []byte {
	head = protowire.AppendTag(head, bodyField, protowire.BytesType)
	return protowire.AppendVarint(head, uint64(n))
}

// unmarshal finds the body where our own senders put it: last, after a head that lies in the first buffer. Anything else
// is read as any protobuf is.
func (l *Loose) unmarshal(data mem.BufferSlice) error {
	l.Free()
	if len(data) == 0 {
		proto.Reset(l.Head)
		return nil
	}
	first := data[0].ReadOnlyData()
	head, n := cutHead(first, data.Len())
	if n == 0 {
		m := l.Head
		if err := unmarshal(data.Materialize(), m); err != nil {
			return err
		}
		if b := m.GetBody(); len(b) > 0 {
			l.Body = append(l.Body, mem.SliceBuffer(b))
		}
		m.SetBody(nil)
		return nil
	}
	if err := proto.Unmarshal(head, l.Head); err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	if n < len(first) {
		l.Body = append(l.Body, data[0].Slice(n, len(first)))
	}
	for _, b := range data[1:] {
		b.Ref()
		l.Body = append(l.Body, b)
	}
	return nil
}

// cutHead finds where in the first bytes of a message of size bytes its body begins: n bytes in. n is 0 where it cannot
// be told.
func cutHead(first []byte, size int) (head []byte, n int) {
	for b := first; len(b) > 0; {
		num, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return nil, 0
		}
		if num == bodyField && typ == protowire.BytesType {
			length, m := protowire.ConsumeVarint(b[k:])
			begin := len(first) - len(b) + k + m
			if m < 0 || length != uint64(size-begin) {
				return nil, 0
			}
			return first[:len(first)-len(b)], begin
		}
		m := protowire.ConsumeFieldValue(num, typ, b[k:])
		if m < 0 {
			return nil, 0
		}
		b = b[k+m:]
	}
	return nil, 0
}
