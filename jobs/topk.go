package jobs

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
)

// Top is the best values of a key, no more than were asked for, the best first.
type Top[V any] struct{ Best []V }

// TopK is a job that finds, for each key, the k values with the highest score: exactly, with no more than k of them in memory
// for a key. A key's values are rows of the result, the best first. For the best of all records emit one key for all, such
// as struct{}{}.
//
// Scores that are equal, and NaN, which is below all, are ordered by the values' encoding, so that the result is the same in
// whatever order values come. It may be given a Partition, Columns, and an Out of other names. A Reduce of its own gets the Tops.
func TopK[In, K, V any, S cmp.Ordered](name string, k int, score func(V) S,
	fn func(ctx context.Context, rec In, emit func(K, V)) error) Job[In, K, Top[V], Pair[K, V]] {
	job := Job[In, K, Top[V], Pair[K, V]]{Name: name}
	vals, err := codec.For[V]()
	switch {
	case err != nil:
		job.wrong = fmt.Errorf("jobs.TopK: V: %w", err)
		return job
	case k < 1 || score == nil || fn == nil:
		job.wrong = fmt.Errorf("jobs.TopK: it finds the %d best: give it 1 or more, a score and a map", k)
		return job
	}
	better := func(a, b V) int {
		return cmp.Or(cmp.Compare(score(b), score(a)), slices.Compare(vals.Append(nil, a), vals.Append(nil, b)))
	}
	merge := func(a, b Top[V]) Top[V] { return Top[V]{mergeBest(a.Best, b.Best, k, better)} }
	job.Combine = Fold(merge)
	job.Map = func(ctx context.Context, rec In, emit func(K, Top[V])) error {
		return fn(ctx, rec, func(key K, v V) { emit(key, Top[V]{[]V{v}}) })
	}
	job.unfold = &unfold[Top[V]]{
		fields: vals.Fields(), pair: reflect.TypeFor[Pair[K, V]](),
		each: func(top Top[V], put func(enc []byte)) {
			var one []byte
			for _, v := range top.Best {
				one = vals.Append(one[:0], v)
				put(one)
			}
		},
	}
	return job
}

// mergeBest are the k best of two lists, each the best first. It may use the memory of a.
func mergeBest[V any](a, b []V, k int, better func(a, b V) int) []V {
	if len(b) == 1 { // as it is while records are mapped
		if len(a) >= k && better(a[k-1], b[0]) <= 0 {
			return a
		}
		at, _ := slices.BinarySearchFunc(a, b[0], better)
		a = slices.Insert(a, at, b[0])
		return a[:min(len(a), k)]
	}
	out := make([]V, 0, min(k, len(a)+len(b)))
	for len(out) < k && len(a)+len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && better(a[0], b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

// Distinct is a job whose result is the different keys that fn emits, each once, in order within a part.
func Distinct[In, K any](name string, fn func(ctx context.Context, rec In, emit func(K)) error) Job[In, K, struct{}, Pair[K, struct{}]] {
	return Job[In, K, struct{}, Pair[K, struct{}]]{
		Name: name,
		// The sum of no numbers is a fold that the engine knows.
		Combine: Combiner[struct{}]{kind: pluginv1.Stage_FOLD_SUM, fold: func(a, _ struct{}) struct{} { return a }, add: addFold[struct{}]},
		Map: func(ctx context.Context, rec In, emit func(K, struct{})) error {
			return fn(ctx, rec, func(k K) { emit(k, struct{}{}) })
		},
	}
}
