package codec

import (
	"reflect"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/errs"
)

// Codec encodes and decodes values of one type. It is compiled once, holds no state, and is safe for concurrent use.
type Codec[T any] struct {
	enc    encoder
	dec    decoder
	size   sizer
	fields []arrow.Field
	fixed  int
	shares bool
}

// For compiles the codec of a value type. The error says which field cannot travel, and why.
func For[T any]() (*Codec[T], error) { return compile[T](false) }

// ForKey compiles the codec of a key type: slices, maps and interfaces are refused.
func ForKey[T any]() (*Codec[T], error) { return compile[T](true) }

func compile[T any](key bool) (*Codec[T], error) {
	t := reflect.TypeFor[T]()
	c := compiler{key: key}
	n, err := c.node(t)
	if err != nil {
		return nil, errs.E(errs.Invalid, "", t.String(), err)
	}
	fields := columns(n)
	if n.raw != nil {
		n.enc, n.dec = n.raw.enc, n.raw.dec
	}
	return &Codec[T]{enc: n.enc, dec: n.dec, size: n.size, fields: fields, fixed: n.fixed, shares: n.shares}, nil
}

// Append appends the encoding of v to dst.
func (c *Codec[T]) Append(dst []byte, v T) []byte {
	return c.enc(dst, noescape(unsafe.Pointer(&v)))
}

// Decode is the inverse of Append. Strings and byte slices of the result may point into b, which must not change as
// long as they live; the byte slices themselves must not be written to. All of b must be used up.
func (c *Codec[T]) Decode(b []byte) (T, error) {
	var v T
	rest, err := c.dec(b, noescape(unsafe.Pointer(&v)))
	if err == nil && len(rest) > 0 {
		err = errs.New(errs.Corrupt, "%d bytes after the end of a %T", len(rest), v)
	}
	return v, err
}

// Fields are the columns of T, one for each exported field of a struct; anything else is one column named "value".
// Nested columns have the nested Arrow type that mirrors their encoding; see OutputFields.
func (c *Codec[T]) Fields() []arrow.Field { return c.fields }

// Fixed is the length of every encoding of T, or -1 when it varies.
func (c *Codec[T]) Fixed() int { return c.fixed }

// Sized reports that Size is not 0 for all values.
func (c *Codec[T]) Sized() bool { return c.size != nil }

// Refers reports that a T refers to memory outside of itself, so that a decoded one may point into what it was decoded
// from.
func (c *Codec[T]) Refers() bool { return c.shares }

// Clone is v in memory of its own. It does nothing where a T refers to no other memory.
func (c *Codec[T]) Clone(v T) T {
	if !c.shares {
		return v
	}
	own, err := c.Decode(c.Append(nil, v))
	if err != nil {
		panic("codec: what was encoded does not decode: " + err.Error())
	}
	return own
}

// Size is how many bytes v holds beyond its own unsafe.Sizeof: the bytes of its strings, slices and what they point to.
func (c *Codec[T]) Size(v T) int {
	if c.size == nil {
		return 0
	}
	return c.size(noescape(unsafe.Pointer(&v)))
}

// columns are the Arrow fields that a type's node makes: the fields of a struct, else a single "value".
func columns(n node) []arrow.Field {
	if n.fields != nil {
		return n.fields
	}
	return []arrow.Field{{Name: "value", Type: n.typ, Nullable: n.nullable}}
}

// isRaw says whether the columns are a lone string or []byte, whose encoding is its bytes as they are.
func isRaw(fields []arrow.Field) bool {
	if len(fields) != 1 || fields[0].Nullable {
		return false
	}
	id := fields[0].Type.ID()
	return id == arrow.STRING || id == arrow.BINARY
}

// noescape hides a pointer from escape analysis, so that a value on the stack can be handed to a compiled function
// without being moved to the heap. Right only because encoders and decoders never keep the pointer they are given, nor
// hand it to what might (package reflect gets copies on the heap). It must not be preempted or grow the stack while the
// pointer is a number, for a stack that moves would leave it pointing at the old one: hence nosplit.
//
//go:nosplit
//go:nocheckptr
func noescape(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}
