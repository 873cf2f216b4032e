package jobs

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec"
)

// The values of a job with SortBy travel under longer keys: the key, then the bytes its value is sorted by. The engine sorts
// by all of it and knows no more. A key's partition is that of the key alone, so that its values stay together, and
// Reduce gets a group for each run of rows that begin with the same key. No encoded key is the beginning of another one
// within a longer key, so that the rows of different keys never mingle, and beginning alike is being of one key.

// sortKey is a key and what a value of it is sorted by.
type sortKey[K any] struct {
	Key K
	By  []byte
}

// sorting is what the SDK adds to a job with SortBy.
type sorting[K, V any] struct {
	by     func(K, V) []byte
	whole  *codec.Codec[sortKey[K]]
	fields []arrow.Field // of whole: those of K, then the bytes
}

// sortColumn names the bytes in what people are shown of a key.
const sortColumn = "sort_by"

func newSorting[In, K, V, Out any](j *Job[In, K, V, Out], keys []arrow.Field) (*sorting[K, V], error) {
	switch {
	case j.Reduce == nil:
		return nil, fmt.Errorf("SortBy orders what Reduce gets: set Reduce")
	case j.Combine.IsSet():
		return nil, fmt.Errorf("SortBy cannot go with Combine, which leaves one value of a key: fold within Reduce")
	case j.MapBatch != nil || j.block != nil:
		return nil, fmt.Errorf("SortBy goes with Map: leave MapBatch nil")
	}
	whole, err := codec.ForKey[sortKey[K]]()
	if err != nil {
		return nil, err
	}
	fields := append(keys[:len(keys):len(keys)], arrow.Field{Name: sortColumn, Type: arrow.BinaryTypes.Binary})
	return &sorting[K, V]{j.SortBy, whole, fields}, nil
}

// emitFunc is the user's emit where values are sorted.
func (s *sorting[K, V]) emitFunc(add func(key string, v V)) func(K, V) {
	var scratch []byte
	return func(k K, v V) {
		scratch = s.whole.Append(scratch[:0], sortKey[K]{k, s.by(k, v)})
		add(textOf(scratch), v)
	}
}

// split takes a longer key apart. With scratch as its memory, prefix is what all longer keys of k begin with, and no others.
func (s *sorting[K, V]) split(key, scratch []byte) (k K, prefix []byte, err error) {
	both, err := s.whole.Decode(key)
	if err != nil {
		return k, scratch, err
	}
	const end = 2 // bytes, of the empty string that stands for the bytes sorted by
	prefix = s.whole.Append(scratch[:0], sortKey[K]{Key: both.Key})
	return both.Key, prefix[:len(prefix)-end], nil
}

// Ascending is a SortBy: values come by what of tells of them, the least first. T is a number, a string, a time, or
// whatever else may be a key; Ascending panics where it is not.
func Ascending[K, V, T any](of func(K, V) T) func(K, V) []byte {
	enc := orderOf[T]("Ascending")
	return func(k K, v V) []byte { return enc.Append(nil, sortKey[T]{Key: of(k, v)}) }
}

// Descending is Ascending with the greatest first.
func Descending[K, V, T any](of func(K, V) T) func(K, V) []byte {
	enc := orderOf[T]("Descending")
	return func(k K, v V) []byte {
		by := enc.Append(nil, sortKey[T]{Key: of(k, v)})
		for i := range by {
			by[i] = ^by[i]
		}
		return by
	}
}

// orderOf is an encoding of T of which none is the beginning of another, so that its complement is the reverse order.
func orderOf[T any](what string) *codec.Codec[sortKey[T]] {
	enc, err := codec.ForKey[sortKey[T]]()
	if err != nil {
		panic(fmt.Sprintf("jobs.%s: values cannot be sorted by that: %v", what, err))
	}
	return enc
}
