package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/mrctl/mrctl/internal/codec"
)

// A join is an ordinary job with two inputs. Each value travels as a byte that says which side it is of, and its encoding; values
// are sorted by that byte, so that of each key the right side comes first and can be held while the left one streams past.

// Joined is a value of one of the sides of a join, as it travels.
type Joined []byte

const (
	rightSide = iota // comes first
	leftSide
)

// MaxJoinBuffer is how many bytes of the right side, encoded, a join holds of one key.
const MaxJoinBuffer = 64 << 20

// Join is a job that joins two inputs: fn is called for each pair of a left and a right value of one key. What is not
// matched is dropped.
//
// The left side streams and may have any number of values of a key; those of the right side are held in memory, a key
// at a time, and must fit into MaxJoinBuffer. So the side with few values of a key goes to the right: users, not their
// clicks. All values of a key are joined in one reduce task; where some keys have most of the left side, and the right
// side is small, a Broadcast is the better join.
func Join[K, L, R, Out any](name string, left Input[K, L], right Input[K, R],
	fn func(ctx context.Context, key K, l L, r R, emit func(Out)) error) Job[any, K, Joined, Out] {
	if fn == nil {
		return Cogroup[K, L, R, Out](name, left, right, nil)
	}
	return Cogroup(name, left, right, func(ctx context.Context, key K, ls iter.Seq[L], rs []R, emit func(Out)) error {
		if len(rs) == 0 {
			return nil
		}
		for l := range ls {
			for _, r := range rs {
				if err := fn(ctx, key, l, r, emit); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// LeftJoin is Join that drops no left value: fn is called with nil for one that has no match.
func LeftJoin[K, L, R, Out any](name string, left Input[K, L], right Input[K, R],
	fn func(ctx context.Context, key K, l L, r *R, emit func(Out)) error) Job[any, K, Joined, Out] {
	if fn == nil {
		return Cogroup[K, L, R, Out](name, left, right, nil)
	}
	return Cogroup(name, left, right, func(ctx context.Context, key K, ls iter.Seq[L], rs []R, emit func(Out)) error {
		for l := range ls {
			if len(rs) == 0 {
				if err := fn(ctx, key, l, nil, emit); err != nil {
					return err
				}
			}
			for i := range rs {
				if err := fn(ctx, key, l, &rs[i], emit); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Cogroup is a job that brings together all values of a key, of both inputs: fn is called once for each key that any of them
// has. The left values stream: range over them once. The right ones are held, as in Join.
func Cogroup[K, L, R, Out any](name string, left Input[K, L], right Input[K, R],
	fn func(ctx context.Context, key K, left iter.Seq[L], right []R, emit func(Out)) error) Job[any, K, Joined, Out] {
	job := Job[any, K, Joined, Out]{
		Name: name, Inputs: []Input[K, Joined]{left.as(leftSide), right.as(rightSide)},
		SortBy: func(_ K, v Joined) []byte { return v[:1] },
	}
	ls, err := codec.For[L]()
	if err != nil {
		err = fmt.Errorf("the left side: %w", err)
	}
	rs, rightErr := codec.For[R]()
	if rightErr != nil {
		err = errors.Join(err, fmt.Errorf("the right side: %w", rightErr))
	}
	if fn == nil {
		err = errors.Join(err, errors.New("it has no function"))
	}
	if err != nil {
		job.wrong = fmt.Errorf("the join: %w", err)
		return job
	}
	job.Reduce = func(ctx context.Context, key K, values iter.Seq[Joined], emit func(Out)) error {
		held, first, err := holdRight(rs, right.name, values)
		if err != nil {
			return err
		}
		var broken error // a range over values cannot return it
		give := func(v Joined, yield func(L) bool) bool {
			var l L
			if l, broken = ls.Decode(v[1:]); broken != nil {
				return false
			}
			return yield(l)
		}
		err = fn(ctx, key, func(yield func(L) bool) {
			if first == nil || !give(first, yield) {
				return
			}
			for v := range values { // from where holdRight left them
				if !give(v, yield) {
					return
				}
			}
		}, held, emit)
		if broken != nil {
			return broken
		}
		return err
	}
	return job
}

// holdRight takes the right values of a key, and the first left one, encoded; nil: there is none.
func holdRight[R any](vals *codec.Codec[R], name string, values iter.Seq[Joined]) (held []R, left Joined, err error) {
	size := 0
	for v := range values {
		if v[0] == leftSide {
			return held, v, nil
		}
		if size += len(v); size > MaxJoinBuffer {
			return nil, nil, fmt.Errorf("a join holds the values of its right input for one key, and %s has more than %d bytes of them for this one: "+
				"make it the left input if the other has fewer, or join by a key that says more", name, MaxJoinBuffer)
		}
		r, err := vals.Decode(bytes.Clone(v[1:])) // it is kept while others come
		if err != nil {
			return nil, nil, err
		}
		held = append(held, r)
	}
	return held, nil, nil
}

// sideOf is an input as one side of a join.
func sideOf[In, K, V any](name string, fn func(ctx context.Context, rec In, emit func(K, V)) error, side byte) Input[K, Joined] {
	vals, err := codec.For[V]()
	if err != nil || fn == nil {
		return From[In, K, Joined](name, nil) // refused for that, or for V by the join
	}
	// A tagger is in use by one record at a time.
	type tagger struct {
		emit func(K, Joined)
		put  func(K, V)
		buf  []byte
	}
	taggers := sync.Pool{New: func() any {
		t := &tagger{}
		t.put = func(k K, v V) {
			t.buf = vals.Append(append(t.buf[:0], side), v)
			t.emit(k, t.buf)
		}
		return t
	}}
	return From(name, func(ctx context.Context, rec In, emit func(K, Joined)) error {
		t := taggers.Get().(*tagger)
		t.emit = emit
		err := fn(ctx, rec, t.put)
		t.emit = nil
		taggers.Put(t)
		return err
	})
}
