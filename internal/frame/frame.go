// Package frame is the gRPC codec of messages that carry bulk data.
//
// A framed message is ordinary protobuf whose last field, number 15, is the body. The codec writes that field without
// copying it and reads it without a second copy, or, into a Loose, without any; a peer that knows only protobuf sees the
// same bytes. It is chosen per call by content-subtype, so that plain services on the same connection keep the plain codec.
package frame

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Name is the content-subtype of the codec.
const Name = "mrframe"

const bodyField = 15

// MaxMessage is the receive limit both sides set, in bytes. Bodies are cut into messages of MaxBody and less, so it is
// a guard, not a size anyone should reach.
const MaxMessage = 16 << 20

// MaxBody is how many bytes of body one message carries at most. A longer body goes on in the messages that follow.
const MaxBody = 1 << 20

// Message is a generated message with `bytes body = 15` as its last field.
type Message interface {
	proto.Message
	GetBody() []byte
	SetBody([]byte)
}

func init() { encoding.RegisterCodecV2(codec{}) }

// Call makes one gRPC call use the codec. The server follows by itself.
func Call() grpc.CallOption { return grpc.CallContentSubtype(Name) }

type codec struct{}

func (codec) Name() string { return Name }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case *Loose:
		return m.marshal()
	case Message:
		body := m.GetBody()
		m.SetBody(nil)
		head, err := proto.Marshal(m)
		m.SetBody(body)
		if err != nil || len(body) == 0 {
			return mem.BufferSlice{mem.SliceBuffer(head)}, err
		}
		return mem.BufferSlice{mem.SliceBuffer(appendBodyHead(head, len(body))), mem.SliceBuffer(body)}, nil
	case proto.Message:
		b, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err
	}
	return nil, fmt.Errorf("frame: %T is not a protobuf message", v)
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case *Loose:
		return m.unmarshal(data)
	case Message:
		return unmarshal(data.Materialize(), m)
	case proto.Message:
		return proto.Unmarshal(data.Materialize(), m)
	}
	return fmt.Errorf("frame: %T is not a protobuf message", v)
}

// unmarshal reads a message that was copied out of the transport's buffers once; the body then belongs to it.
func unmarshal(raw []byte, m Message) error {
	head, body, err := split(raw)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(head, m); err != nil {
		return err
	}
	if body != nil {
		m.SetBody(body)
	}
	return nil
}

// split finds the body at the end of a message. A body that is not last is left to protobuf.
func split(raw []byte) (head, body []byte, err error) {
	for b := raw; len(b) > 0; {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, nil, fmt.Errorf("frame: %w", protowire.ParseError(n))
		}
		if num == bodyField && typ == protowire.BytesType {
			v, k := protowire.ConsumeBytes(b[n:])
			if k < 0 {
				return nil, nil, fmt.Errorf("frame: %w", protowire.ParseError(k))
			}
			if n+k == len(b) {
				return raw[:len(raw)-len(b)], v, nil
			}
		}
		k := protowire.ConsumeFieldValue(num, typ, b[n:])
		if k < 0 {
			return nil, nil, fmt.Errorf("frame: %w", protowire.ParseError(k))
		}
		b = b[n+k:]
	}
	return raw, nil, nil
}
