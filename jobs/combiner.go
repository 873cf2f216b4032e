package jobs

import (
	"iter"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// Combiner folds values of one key into one. The zero Combiner is none. Sum, SumFields, Min, Max and Count are known to
// the engine, which then folds wherever pairs meet without asking the plugin.
type Combiner[V any] struct {
	kind  pluginv1.Stage_Fold
	fold  func(acc, v V) V
	first func(v V) V // what a single emitted value counts for; nil: itself
	// into is fold without copies; nil: by fold. What it makes of a fresh acc is v.
	into func(acc, v *V, fresh bool)
	err  error // why no job can have it
	// add is the whole of emitting into the table, made for V's own type where the fold is known: the time of a
	// counting job is spent in this function.
	add func(e *emitter[V], c *Combiner[V]) func(key string, v V)
}

// Integer is any integer type.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Number is any integer or floating-point type.
type Number interface{ Integer | ~float32 | ~float64 }

// Sum adds. Integers wrap around. Sums of floats depend on the order of addition in their last digits.
func Sum[V Number]() Combiner[V] {
	return Combiner[V]{kind: pluginv1.Stage_FOLD_SUM, fold: func(a, b V) V { return a + b }, add: addSum[V]}
}

// Count counts how often a key was emitted, whatever the values. What reaches Reduce are partial counts: add them.
func Count[V Integer]() Combiner[V] {
	return Combiner[V]{
		kind: pluginv1.Stage_FOLD_COUNT, fold: func(a, b V) V { return a + b }, first: func(V) V { return 1 }, add: addCount[V],
	}
}

// Min keeps the least value. NaN is greater than any number.
func Min[V Number]() Combiner[V] {
	return Combiner[V]{kind: pluginv1.Stage_FOLD_MIN, fold: least[V], add: addFold[V]}
}

// Max keeps the greatest value. NaN is greater than any number.
func Max[V Number]() Combiner[V] {
	return Combiner[V]{kind: pluginv1.Stage_FOLD_MAX, fold: greatest[V], add: addFold[V]}
}

// Fold combines by a function of your own, associative and commutative. It may change acc and return it.
func Fold[V any](f func(acc, v V) V) Combiner[V] {
	return Combiner[V]{kind: pluginv1.Stage_FOLD_OPAQUE, fold: f, add: addFold[V]}
}

// Fold folds a sequence, as for use within Reduce. Of nothing it is the zero value.
func (c Combiner[V]) Fold(values iter.Seq[V]) V {
	var acc V
	some := false
	for v := range values {
		if some {
			acc = c.fold(acc, v)
		} else {
			acc, some = v, true
		}
	}
	return acc
}

// IsSet reports whether c is other than the zero Combiner, which folds nothing.
func (c Combiner[V]) IsSet() bool { return c.fold != nil }

// less is the order of values, NaN last, as their encoding has it.
func less[V Number](a, b V) bool { return a < b || (b != b && a == a) }

func least[V Number](a, b V) V {
	if less(b, a) {
		return b
	}
	return a
}

func greatest[V Number](a, b V) V {
	if less(a, b) {
		return b
	}
	return a
}
