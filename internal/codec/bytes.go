package codec

import (
	"bytes"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec/wire"
	"github.com/mrctl/mrctl/internal/errs"
)

var stringNode = node{
	typ: arrow.BinaryTypes.String, fixed: -1, raw: rawString, shares: true,
	enc: func(dst []byte, p unsafe.Pointer) []byte { return appendEscaped(dst, *(*string)(p)) },
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		v, rest, err := takeEscaped(b)
		*(*string)(p) = textOf(v)
		return rest, err
	},
	size: func(p unsafe.Pointer) int { return len(*(*string)(p)) },
}

var bytesNode = node{
	typ: arrow.BinaryTypes.Binary, fixed: -1, raw: rawBytes, shares: true,
	enc: func(dst []byte, p unsafe.Pointer) []byte { return appendEscaped(dst, textOf(*(*[]byte)(p))) },
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		v, rest, err := takeEscaped(b)
		*(*[]byte)(p) = v
		return rest, err
	},
	size: func(p unsafe.Pointer) int { return len(*(*[]byte)(p)) },
}

var rawString = &rawFuncs{
	enc: func(dst []byte, p unsafe.Pointer) []byte { return append(dst, *(*string)(p)...) },
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		*(*string)(p) = textOf(b)
		return nil, nil
	},
}

var rawBytes = &rawFuncs{
	enc: func(dst []byte, p unsafe.Pointer) []byte { return append(dst, *(*[]byte)(p)...) },
	dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
		*(*[]byte)(p) = b[:len(b):len(b)]
		return nil, nil
	},
}

// textOf is b as a string without a copy.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func appendEscaped(dst []byte, s string) []byte { return wire.AppendEscaped(dst, s) }

// takeEscaped reads what appendEscaped wrote. The result points into b unless it holds a 00.
func takeEscaped(b []byte) (v, rest []byte, err error) {
	var own []byte
	for from := b; ; {
		i := bytes.IndexByte(from, 0)
		if i < 0 || i+1 >= len(from) {
			return nil, nil, errShort
		}
		switch from[i+1] {
		case 0:
			if own == nil {
				return b[:i:i], from[i+2:], nil
			}
			return append(own, from[:i]...), from[i+2:], nil
		case 0xff:
			own = append(append(own, from[:i]...), 0)
			from = from[i+2:]
		default:
			return nil, nil, errs.New(errs.Corrupt, "byte %#x after a zero in an encoded string", from[i+1])
		}
	}
}
