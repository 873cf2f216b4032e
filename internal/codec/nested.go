package codec

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

func (c *compiler) pointerNode(t reflect.Type) (node, error) {
	if t.Elem().Kind() == reflect.Pointer {
		return node{}, fmt.Errorf("a pointer to a pointer has no column type")
	}
	n, err := c.node(t.Elem())
	if err != nil {
		return node{}, err
	}
	elem, width := t.Elem(), int(t.Elem().Size())
	return node{
		typ: n.typ, nullable: true, fixed: -1, shares: true,
		enc: func(dst []byte, p unsafe.Pointer) []byte {
			if p = *(*unsafe.Pointer)(p); p == nil {
				return append(dst, 0)
			}
			return n.enc(append(dst, 1), p)
		},
		dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
			some, b, err := takeBool(b)
			if err != nil || !some {
				*(*unsafe.Pointer)(p) = nil
				return b, err
			}
			to := reflect.New(elem).UnsafePointer()
			*(*unsafe.Pointer)(p) = to
			return n.dec(b, to)
		},
		size: func(p unsafe.Pointer) int {
			if p = *(*unsafe.Pointer)(p); p == nil {
				return 0
			}
			if n.size == nil {
				return width
			}
			return width + n.size(p)
		},
	}, nil
}

func (c *compiler) arrayNode(t reflect.Type) (node, error) {
	count, width := t.Len(), t.Elem().Size()
	if t.Elem().Kind() == reflect.Uint8 {
		return byteArrayNode(count), nil
	}
	n, err := c.node(t.Elem())
	if err != nil {
		return node{}, err
	}
	members := make([]member, count)
	for i := range members {
		members[i] = member{uintptr(i) * width, n}
	}
	return node{
		typ:    arrow.FixedSizeListOfField(int32(count), item(n)),
		fixed:  fixedOf(members),
		size:   sizeOfMembers(members),
		shares: n.shares,
		enc: func(dst []byte, p unsafe.Pointer) []byte {
			for i := range members {
				dst = n.enc(dst, unsafe.Add(p, members[i].off))
			}
			return dst
		},
		dec: func(b []byte, p unsafe.Pointer) (_ []byte, err error) {
			for i := range members {
				if b, err = n.dec(b, unsafe.Add(p, members[i].off)); err != nil {
					return nil, err
				}
			}
			return b, nil
		},
	}, nil
}

func byteArrayNode(count int) node {
	return node{
		typ: &arrow.FixedSizeBinaryType{ByteWidth: count}, fixed: count,
		enc: func(dst []byte, p unsafe.Pointer) []byte { return append(dst, unsafe.Slice((*byte)(p), count)...) },
		dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
			if len(b) < count {
				return nil, errShort
			}
			copy(unsafe.Slice((*byte)(p), count), b)
			return b[count:], nil
		},
	}
}

// item is the Arrow field of a list's elements.
func item(n node) arrow.Field { return arrow.Field{Name: "item", Type: n.typ, Nullable: n.nullable} }

// sliceHeader is the layout of every slice.
type sliceHeader struct {
	data unsafe.Pointer
	len  int
	cap  int
}

func (c *compiler) sliceNode(t reflect.Type) (node, error) {
	n, err := c.node(t.Elem())
	if err != nil {
		return node{}, err
	}
	width := t.Elem().Size()
	return node{
		typ: arrow.ListOfField(item(n)), fixed: -1, shares: true,
		enc: func(dst []byte, p unsafe.Pointer) []byte {
			s := (*sliceHeader)(p)
			for i := range s.len {
				dst = n.enc(append(dst, 1), unsafe.Add(s.data, uintptr(i)*width))
			}
			return append(dst, 0)
		},
		dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
			own := reflect.New(t)
			s, head := own.Elem(), (*sliceHeader)(own.UnsafePointer())
			for {
				more, rest, err := takeBool(b)
				if err != nil || !more {
					*(*sliceHeader)(p) = *head
					return rest, err
				}
				if head.len == head.cap {
					s.Grow(1)
				}
				head.len++
				if b, err = n.dec(rest, unsafe.Add(head.data, uintptr(head.len-1)*width)); err != nil {
					return nil, err
				}
			}
		},
		size: func(p unsafe.Pointer) int {
			s := (*sliceHeader)(p)
			sum := s.len * int(width)
			if n.size != nil {
				for i := range s.len {
					sum += n.size(unsafe.Add(s.data, uintptr(i)*width))
				}
			}
			return sum
		},
	}, nil
}

// mapNode is for convenience, not for speed: maps are walked by reflection, and sorted.
func (c *compiler) mapNode(t reflect.Type) (node, error) {
	key := compiler{key: true}
	k, err := key.node(t.Key())
	if err != nil {
		return node{}, fmt.Errorf("map key: %w", err)
	}
	v, err := c.node(t.Elem())
	if err != nil {
		return node{}, err
	}
	entry := func(it *reflect.MapIter) (pk, pv unsafe.Pointer) {
		nk, nv := reflect.New(t.Key()), reflect.New(t.Elem())
		nk.Elem().Set(it.Key())
		nv.Elem().Set(it.Value())
		return nk.UnsafePointer(), nv.UnsafePointer()
	}
	mapAt := func(p unsafe.Pointer) reflect.Value { // a map is one pointer
		m := reflect.New(t)
		*(*unsafe.Pointer)(m.UnsafePointer()) = *(*unsafe.Pointer)(p)
		return m.Elem()
	}
	return node{
		typ: arrow.MapOfFields(
			arrow.Field{Name: "key", Type: k.typ},
			arrow.Field{Name: "value", Type: v.typ, Nullable: v.nullable}),
		fixed: -1, shares: true,
		enc: func(dst []byte, p unsafe.Pointer) []byte {
			m := mapAt(p)
			entries := make([][]byte, 0, m.Len())
			for it := m.MapRange(); it.Next(); {
				pk, pv := entry(it)
				entries = append(entries, v.enc(k.enc([]byte{1}, pk), pv))
			}
			slices.SortFunc(entries, bytes.Compare)
			for _, e := range entries {
				dst = append(dst, e...)
			}
			return append(dst, 0)
		},
		dec: func(b []byte, p unsafe.Pointer) ([]byte, error) {
			m := reflect.New(t).Elem()
			for {
				more, rest, err := takeBool(b)
				if err != nil || !more {
					*(*unsafe.Pointer)(p) = m.UnsafePointer()
					return rest, err
				}
				nk, nv := reflect.New(t.Key()), reflect.New(t.Elem())
				if rest, err = k.dec(rest, nk.UnsafePointer()); err != nil {
					return nil, err
				}
				if b, err = v.dec(rest, nv.UnsafePointer()); err != nil {
					return nil, err
				}
				if m.IsNil() {
					m.Set(reflect.MakeMap(t))
				}
				m.SetMapIndex(nk.Elem(), nv.Elem())
			}
		},
		size: func(p unsafe.Pointer) int {
			m := mapAt(p)
			sum := 2 * m.Len() * int(t.Key().Size()+t.Elem().Size())
			for it := m.MapRange(); it.Next(); {
				pk, pv := entry(it)
				if k.size != nil {
					sum += k.size(pk)
				}
				if v.size != nil {
					sum += v.size(pv)
				}
			}
			return sum
		},
	}, nil
}
