package jobs

import (
	"fmt"
	"reflect"
	"unsafe"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// SumFields adds structs field by field. All fields of V are integers, floats, and arrays and structs of them; a job with
// another V is refused. What Sum says of numbers holds for each field.
func SumFields[V any]() Combiner[V] {
	var s fieldSum
	err := s.plan(reflect.TypeFor[V](), 0)
	if err == nil && len(s.words)+len(s.rest) == 0 {
		err = fmt.Errorf("%v has no fields", reflect.TypeFor[V]())
	}
	if err != nil {
		err = located(fmt.Errorf("SumFields: %w", err), placeOfCall())
	}
	return Combiner[V]{
		kind: pluginv1.Stage_FOLD_SUM, err: err, add: addFold[V],
		fold: func(a, b V) V {
			s.add(unsafe.Pointer(&a), unsafe.Pointer(&b))
			return a
		},
		into: func(acc, v *V, fresh bool) {
			if fresh {
				*acc = *v
				return
			}
			s.add(unsafe.Pointer(acc), unsafe.Pointer(v))
		},
	}
}

// fieldSum is how values of a type are added: where in them the numbers lie.
type fieldSum struct {
	words []uintptr // 64-bit integers: adding wraps around alike, signed or not
	rest  []numberAt
}

type numberAt struct {
	off uintptr
	add func(acc, v unsafe.Pointer)
}

func (s *fieldSum) add(acc, v unsafe.Pointer) {
	for _, off := range s.words {
		*(*uint64)(unsafe.Add(acc, off)) += *(*uint64)(unsafe.Add(v, off))
	}
	for _, n := range s.rest {
		n.add(unsafe.Add(acc, n.off), unsafe.Add(v, n.off))
	}
}

// plan adds the numbers of a type whose values lie at an offset.
func (s *fieldSum) plan(t reflect.Type, at uintptr) error {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Name == "_" {
				continue
			}
			if err := s.plan(f.Type, at+f.Offset); err != nil {
				return fmt.Errorf("field %s: %w", f.Name, err)
			}
		}
		return nil
	case reflect.Array:
		for i := range t.Len() {
			if err := s.plan(t.Elem(), at+uintptr(i)*t.Elem().Size()); err != nil {
				return err
			}
		}
		return nil
	}
	add, ok := adders[t.Kind()]
	switch {
	case !ok:
		return fmt.Errorf("a %v is no number", t)
	case add == nil:
		s.words = append(s.words, at)
	default:
		s.rest = append(s.rest, numberAt{at, add})
	}
	return nil
}

// adders are how numbers of each kind are added; nil stands for adding words.
var adders = map[reflect.Kind]func(acc, v unsafe.Pointer){
	reflect.Int64: nil, reflect.Uint64: nil, reflect.Int: addTo[int], reflect.Uint: addTo[uint],
	reflect.Int32: addTo[int32], reflect.Int16: addTo[int16], reflect.Int8: addTo[int8],
	reflect.Uint32: addTo[uint32], reflect.Uint16: addTo[uint16], reflect.Uint8: addTo[uint8],
	reflect.Float64: addTo[float64], reflect.Float32: addTo[float32],
}

func addTo[N Number](acc, v unsafe.Pointer) { *(*N)(acc) += *(*N)(v) }
