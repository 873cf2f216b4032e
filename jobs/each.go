package jobs

import (
	"context"
	"errors"
	"reflect"
)

// None is the key of a job that groups nothing. A Job with it only maps: the values that its functions emit are the rows of
// the result, in the order of the input, and each split becomes a part. Out is V then, or a struct with the same columns,
// and there is neither Reduce nor Combine, nor anything else that has to do with keys. Each makes one of a function.
type None struct{}

// Each is a job that makes any number of rows of each record, and no more: what it emits is the result, in the order of the
// input. Nothing is sorted or sent between workers. Out is as in Job: a struct, whose fields are the columns, or one value.
func Each[In, Out any](name string, fn func(ctx context.Context, rec In, emit func(Out)) error) Job[In, None, Out, Out] {
	rows := func(emit func(None, Out)) func(Out) { return func(row Out) { emit(None{}, row) } }
	j := Job[In, None, Out, Out]{Name: name}
	if fn == nil {
		return j
	}
	j.author = fn
	j.Map = func(ctx context.Context, rec In, emit func(None, Out)) error { return fn(ctx, rec, rows(emit)) }
	j.each = func(emit func(None, Out)) func(context.Context, In, func(None, Out)) error {
		row := rows(emit)
		return func(ctx context.Context, rec In, _ func(None, Out)) error { return fn(ctx, rec, row) }
	}
	return j
}

// onlyMaps reports whether the job has no reduce at all.
func (j *Job[In, K, V, Out]) onlyMaps() bool { return reflect.TypeFor[K]() == reflect.TypeFor[None]() }

// checkNone says what a job without keys has that needs some.
func (j *Job[In, K, V, Out]) checkNone() error {
	switch {
	case j.Reduce != nil:
		return errors.New("Reduce: a job whose K is jobs.None has nothing to group; give its pairs a key")
	case j.Combine.IsSet():
		return errors.New("Combine: a job whose K is jobs.None has nothing to fold; give its pairs a key")
	case j.Partition != nil, j.SortBy != nil:
		return errors.New("Partition and SortBy go with keys, and K is jobs.None")
	case j.MapBatch != nil:
		return errors.New("MapBatch goes with keys, and K is jobs.None: use Map")
	case j.Columns != nil:
		return errors.New("Columns go with a Reduce, and K is jobs.None: leave the fields out of Out")
	}
	return nil
}
