package codec

import (
	"fmt"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// The compiled functions of a type. They take a pointer to the value and never keep it. A nil sizer means 0.
type (
	encoder func(dst []byte, p unsafe.Pointer) []byte
	decoder func(b []byte, p unsafe.Pointer) (rest []byte, err error)
	sizer   func(p unsafe.Pointer) int
)

// node is a type compiled.
type node struct {
	enc      encoder
	dec      decoder
	size     sizer
	typ      arrow.DataType
	nullable bool
	shares   bool          // refers to memory outside of the value, which may change or be large
	fixed    int           // length of every encoding, or -1
	fields   []arrow.Field // of a struct; nil otherwise
	raw      *rawFuncs     // instead of enc and dec where the type is a lone string or []byte
}

type rawFuncs struct {
	enc encoder
	dec decoder
}

// at moves the functions to a field at an offset.
func (r *rawFuncs) at(off uintptr) *rawFuncs {
	return &rawFuncs{
		enc: func(dst []byte, p unsafe.Pointer) []byte { return r.enc(dst, unsafe.Add(p, off)) },
		dec: func(b []byte, p unsafe.Pointer) ([]byte, error) { return r.dec(b, unsafe.Add(p, off)) },
	}
}

var timeType = reflect.TypeFor[time.Time]()

// compiler turns a Go type into a node. key refuses what a key may not hold.
type compiler struct {
	key     bool
	pending []reflect.Type // the types around the one being compiled, to find recursion
}

func (c *compiler) node(t reflect.Type) (node, error) {
	if slices.Contains(c.pending, t) {
		return node{}, fmt.Errorf("%v contains itself", t)
	}
	c.pending = append(c.pending, t)
	defer func() { c.pending = c.pending[:len(c.pending)-1] }()

	if t == timeType {
		return timeNode, nil
	}
	if n, ok := scalars[t.Kind()]; ok {
		return n, nil
	}
	switch t.Kind() {
	case reflect.String:
		return stringNode, nil
	case reflect.Struct:
		return c.structNode(t)
	case reflect.Pointer:
		return c.pointerNode(t)
	case reflect.Array:
		return c.arrayNode(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return bytesNode, nil
		}
		if c.key {
			return node{}, fmt.Errorf("a slice has no place in a key: use an array, or join it to a string")
		}
		return c.sliceNode(t)
	case reflect.Map:
		if c.key {
			return node{}, fmt.Errorf("a map has no place in a key")
		}
		return c.mapNode(t)
	}
	return node{}, fmt.Errorf("a %v cannot travel between processes", t.Kind())
}

// member is a field of a struct, compiled.
type member struct {
	off uintptr
	node
}

func (c *compiler) structNode(t reflect.Type) (node, error) {
	members, fields := make([]member, 0, t.NumField()), make([]arrow.Field, 0, t.NumField())
	var lone *rawFuncs
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		embedded := f.Anonymous && f.Type.Kind() == reflect.Struct && f.Type != timeType
		if !f.IsExported() && !embedded {
			return node{}, fmt.Errorf("field %s is unexported and would be lost: export it", f.Name)
		}
		n, err := c.node(f.Type)
		if err != nil {
			return node{}, fmt.Errorf("field %s: %w", f.Name, err)
		}
		members = append(members, member{f.Offset, n})
		if n.raw != nil && (embedded || f.Type.Kind() != reflect.Struct) {
			lone = n.raw.at(f.Offset)
		}
		if embedded {
			fields = append(fields, n.fields...)
			continue
		}
		column, err := columnOf(f, n)
		if err != nil {
			return node{}, err
		}
		fields = append(fields, column)
	}
	for i, f := range fields {
		if j := slices.IndexFunc(fields, func(g arrow.Field) bool { return g.Name == f.Name }); j != i {
			return node{}, fmt.Errorf("two columns are named %s", f.Name)
		}
	}
	if len(fields) != 1 {
		lone = nil
	}
	return node{
		raw: lone,
		enc: func(dst []byte, p unsafe.Pointer) []byte {
			for i := range members {
				dst = members[i].enc(dst, unsafe.Add(p, members[i].off))
			}
			return dst
		},
		dec: func(b []byte, p unsafe.Pointer) (_ []byte, err error) {
			for i := range members {
				if b, err = members[i].dec(b, unsafe.Add(p, members[i].off)); err != nil {
					return nil, err
				}
			}
			return b, nil
		},
		size:   sizeOfMembers(members),
		shares: sharesAny(members),
		typ:    arrow.StructOf(fields...),
		fixed:  fixedOf(members),
		fields: fields,
	}, nil
}

func fixedOf(members []member) int {
	sum := 0
	for _, m := range members {
		if m.fixed < 0 {
			return -1
		}
		sum += m.fixed
	}
	return sum
}

func sharesAny(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.shares })
}

func sizeOfMembers(members []member) sizer {
	var sized []member
	for _, m := range members {
		if m.size != nil {
			sized = append(sized, m)
		}
	}
	if len(sized) == 0 {
		return nil
	}
	return func(p unsafe.Pointer) int {
		sum := 0
		for i := range sized {
			sum += sized[i].size(unsafe.Add(p, sized[i].off))
		}
		return sum
	}
}
