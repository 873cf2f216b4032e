package jobs

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
)

// What is allocated for a record, an emit or a value would be felt; what is allocated for a batch, or for an attempt, is
// not. The bound holds for whole attempts of 100,000 records and more, with all they start and end with.
const mostAllocs = 0.01

func checkAllocs(t *testing.T, n int, f func()) {
	t.Helper()
	if got := allocations(f); float64(got) > mostAllocs*float64(n) {
		t.Errorf("%d allocations for %d, %.4f each", got, n, float64(got)/float64(n))
	}
}

func TestMapAllocatesNothingPerRecord(t *testing.T) {
	in, texts := lines(1 << 17)
	cut := func(_ context.Context, line string, emit func(string, int64)) error {
		emit(line[:7], 1)
		emit(line[8:40], 1) // too long for a slot
		return nil
	}
	for name, c := range map[string]Combiner[int64]{"sum": Sum[int64](), "max": Max[int64](), "none": {},
		"fold": combiners["fold"], "queued": combiners["queued"]} {
		t.Run(name, func(t *testing.T) {
			p := compiled(t, wordJob{Name: "x", Map: cut, Combine: c})
			checkAllocs(t, len(texts), func() { feed(t, p, in) })
		})
	}
	type key struct {
		Status int
		Path   string
	}
	type load struct {
		Hits, Bytes int64
		Worst       float64
	}
	structs := func(c Combiner[load], repeats bool) func(*testing.T) {
		return func(t *testing.T) {
			p := compiled(t, Job[string, key, load, Pair[key, load]]{Name: "x", Combine: c,
				Map: func(_ context.Context, line string, emit func(key, load)) error {
					if repeats {
						emit(key{int(line[5] & 3), line[4:7]}, load{1, int64(len(line)), 0.5})
						return nil
					}
					emit(key{len(line), line}, load{1, int64(len(line)), 0.5})
					return nil
				}})
			checkAllocs(t, len(texts), func() { feed(t, p, in) })
		}
	}
	fold := Fold(func(a, b load) load { return load{a.Hits + b.Hits, a.Bytes + b.Bytes, max(a.Worst, b.Worst)} })
	t.Run("structs, fields summed", structs(SumFields[load](), true))
	t.Run("structs, folded", structs(fold, true))
	t.Run("structs, folded in vain", structs(fold, false))
	t.Run("structs, as they are", structs(Combiner[load]{}, false))
}

// A Reduce that ranges over its values allocates twice a group, whatever the SDK does: Go keeps the loop's body, and the
// variables it changes, on the heap, because it cannot see what the iterator does with them. What is under test here is
// the rest, so the body is made once.
func TestReduceAllocatesNothingPerGroup(t *testing.T) {
	const n = 1 << 17
	var sum int64
	add := func(v int64) bool { sum += v; return true }
	reduce := func(_ context.Context, k string, vs iter.Seq[int64], emit func(Pair[string, int64])) error {
		sum = 0
		vs(add)
		emit(Pair[string, int64]{k, sum})
		return nil
	}
	for _, size := range []int{1, 7, 10_000} {
		in, _ := grouped(t, n, size)
		for name, j := range map[string]wordJob{
			"by the user": {Reduce: reduce}, "by fold": {Combine: Max[int64]()}, "as they are": {},
		} {
			t.Run(fmt.Sprintf("%s, groups of %d", name, size), func(t *testing.T) {
				j.Name, j.Map = "x", countWords
				p := compiled(t, j)
				checkAllocs(t, n, func() { reduceAll(t, p, in) })
			})
		}
	}
}

// A range within Reduce costs what it costs by a group, never by a value.
func TestReduceAllocatesNothingPerValue(t *testing.T) {
	const n = 1 << 17
	in, _ := grouped(t, n, 1000)
	p := compiled(t, wordJob{Name: "x", Map: countWords, Reduce: total})
	checkAllocs(t, n, func() { reduceAll(t, p, in) })
	alone, keys := grouped(t, n, 1)
	if got := allocations(func() { reduceAll(t, p, alone) }); got > uint64(len(keys))*21/10 {
		t.Errorf("%d allocations for %d groups", got, len(keys))
	}
}

// Strings that a job keeps are copied once a batch: keeping them all, while the collector runs all the time, neither
// changes one of them nor allocates for one.
func TestKeptStringsCostNothing(t *testing.T) {
	in, texts := lines(1 << 17)
	kept := make([]string, 0, len(texts))
	p := compiled(t, wordJob{Name: "x", Map: func(_ context.Context, line string, emit func(string, int64)) error {
		kept = append(kept, line)
		emit(line[:7], 1)
		return nil
	}, Combine: Sum[int64]()})
	checkAllocs(t, len(texts), func() { feed(t, p, in) })
	if len(kept) != len(texts) || strings.Join(kept, "\n") != strings.Join(texts, "\n") {
		t.Error("a string is not what it was")
	}
}
