package jobs

import (
	"context"
	"iter"
	"reflect"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

// Job is one map-reduce step. In is an input record: string (a text line, or a file, as the input format says),
// []byte, or a struct, whose fields are the columns of CSV or the members of JSON objects (see docs/plugins.md). K groups, V is what is grouped, Out is a row of the result. A struct's exported fields are columns, in order,
// named in
// snake_case or by a tag, `mr:"name"`. K is compared by the encoding of its columns, never by ==; it may hold bools, numbers, strings,
// bytes, times, arrays, pointers and structs of those. V may hold slices and maps too.
type Job[In, K, V, Out any] struct {
	// Name labels logs and metrics: 1 to 40 of a-z, 0-9 and -.
	Name string

	// Map turns one record into any number of pairs. emit never fails: it blocks while the worker is behind, and if the
	// attempt dies, ctx ends and emit discards. Map runs in one goroutine per attempt, several attempts at once.
	Map func(ctx context.Context, rec In, emit func(K, V)) error

	// MapBatch, instead of Map, takes a batch at a time: records as the one column of an Arrow batch, structs as theirs.
	MapBatch func(ctx context.Context, in arrow.RecordBatch, emit *BatchEmitter) error

	// Inputs, instead of Map, names several inputs with a function each, made by From. The job's own In is not looked at
	// then: write any.
	Inputs []Input[K, V]

	// Combine folds the values of a key wherever they meet, any number of times. It must be associative and commutative.
	Combine Combiner[V]

	// Reduce sees each key of a partition once, in key order, with its values. The values stream: a group may be larger
	// than memory. Range over them once; leaving early is fine. If the input breaks off, the range just ends, and what
	// this call emitted is discarded.
	//
	// When nil, each key with its folded value is a row of the result; without Combine, each pair is. Out is then
	// Pair[K, V], or a struct with the same columns that gives them names.
	Reduce func(ctx context.Context, key K, values iter.Seq[V], emit func(Out)) error

	// SortBy gives the bytes by which the values of a key are sorted before Reduce gets them; of equal bytes they come in any
	// order. It is called once for each pair, which it must depend on alone, and what it gives may be used again by the
	// next call. Ascending and Descending make one of a field. It needs Map and Reduce, and no Combine.
	SortBy func(K, V) []byte

	// Partition maps a key to [0, n). Nil means a hash of the key's encoding, equal on every machine and version.
	Partition func(key K, n int) int

	// Columns picks columns of Out by name, and their order; it is asked once, after the flags are parsed. Nil means all.
	Columns func() []string

	// Outputs are the named outputs that Reduce writes besides its rows, or Map where the job only maps.
	Outputs []NamedOutput

	// Sides are the files that the job's functions read besides their records.
	Sides []SideData

	// block, instead of Map, is a ready-made one that takes a batch at a time.
	block func(ctx context.Context, e *emitter[V], emit func(key string, v V), in *rows.Records)

	// each, where the job is Each, is its Map for an attempt whose emit is given: made once, not for every record.
	each func(emit func(K, V)) func(ctx context.Context, rec In, emit func(K, V)) error

	author any // the author's function, where Map is made of it

	identity func(ctx context.Context, rec In, emit func(K, V)) error // the Map of Identity

	wrong error // why a ready-made job cannot be as it was asked for

	// unfold, where Reduce is nil, makes several rows of a folded value.
	unfold *unfold[V]
}

// unfold is what a folded value holds, as rows of a key and one thing each.
type unfold[V any] struct {
	fields []arrow.Field // of one
	pair   reflect.Type  // Pair of the key and one
	each   func(v V, put func(enc []byte))
}

// isIdentity reports that the job is Identity as it came: with anything else in it, the engine must ask the plugin.
func (j *Job[In, K, V, Out]) isIdentity() bool {
	return j.identity != nil && j.Map == nil && j.MapBatch == nil && j.block == nil && !j.Combine.IsSet() && j.Reduce == nil &&
		j.Partition == nil && j.Columns == nil
}

// Pair is the row of a result whose Reduce is nil: the columns of K, then those of V. A key or value that is no struct
// is a column named key or value.
type Pair[K, V any] struct {
	Key   K
	Value V
}

// Stage is a step of a job: a Job of any types.
type Stage interface {
	// Program checks the step and compiles it. It is called by the framework, after the flags are parsed.
	Program() (boundary.Program, error)
}

// Program checks the job and compiles it. The error says what to change.
func (j Job[In, K, V, Out]) Program() (boundary.Program, error) { return compile(j) }

// Identity is the job that changes nothing: each record is its own key, so that the result is the records in order. T
// is string or []byte. The engine knows it and sorts without calling the plugin; with --key-bytes it sorts by those bytes
// of each record, and records whose keys are equal come in no promised order.
func Identity[T string | []byte](name string) Job[T, T, struct{}, Pair[T, struct{}]] {
	return Job[T, T, struct{}, Pair[T, struct{}]]{
		Name:     name,
		identity: func(_ context.Context, rec T, emit func(T, struct{})) error { emit(rec, struct{}{}); return nil },
	}
}
