package jobs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
)

// columnsOf are pairs as Emit takes them.
func columnsOf[K, V any](t testing.TB, pairs []Pair[K, V]) []arrow.Array {
	keys, err := codec.ForKey[K]()
	if err != nil {
		t.Fatal(err)
	}
	vals, err := codec.For[V]()
	if err != nil {
		t.Fatal(err)
	}
	kd, err := codec.NewDecoder(keys.Fields())
	if err != nil {
		t.Fatal(err)
	}
	vd, err := codec.NewDecoder(vals.Fields())
	if err != nil {
		t.Fatal(err)
	}
	kb, vb := kd.NewBuilder(), vd.NewBuilder()
	for _, p := range pairs {
		if err := kb.Append(keys.Append(nil, p.Key)); err != nil {
			t.Fatal(err)
		}
		if err := vb.Append(vals.Append(nil, p.Value)); err != nil {
			t.Fatal(err)
		}
	}
	return vb.Take(kb.Take(nil))
}

// outcome is what batches of pairs amount to: each key's values folded, or all pairs in order where nothing is.
func outcome[K, V any](t testing.TB, c Combiner[V], batches []*boundary.Pairs) []string {
	vals, err := codec.For[V]()
	if err != nil {
		t.Fatal(err)
	}
	acc := map[string]V{}
	var out []string
	for _, b := range batches {
		for i := range b.Len() {
			key := string(b.Key(i))
			v, err := vals.Decode(slices.Clone(b.Val(i)))
			if err != nil {
				t.Fatal(err)
			}
			part := int32(-1)
			if b.Parts != nil {
				part = b.Parts[i]
			}
			if !c.IsSet() {
				out = append(out, fmt.Sprintf("%q %v in %d", key, v, part))
			} else if old, ok := acc[key]; ok {
				acc[key] = c.fold(old, v)
			} else {
				acc[key] = v
			}
		}
	}
	for k, v := range acc {
		out = append(out, fmt.Sprintf("%q %+v", k, v))
	}
	slices.Sort(out)
	return out
}

// testColumns holds MapBatch against Map: batches of pairs emitted by columns amount to what they do one by one.
func testColumns[K, V any](t *testing.T, c Combiner[V], partition func(K, int) int, pair func(r *rand.Rand) Pair[K, V]) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	var batches [][]Pair[K, V]
	var lines []string
	for i := range 8 {
		b := make([]Pair[K, V], r.IntN(3000*(1+i%4)))
		for j := range b {
			b[j] = pair(r)
		}
		batches = append(batches, b)
		lines = append(lines, "a line\n")
	}
	for _, memory := range []uint64{1, 64 << 20} {
		start := &pluginv1.MapStart{Memory: memory, Partitions: 5}
		n := 0
		one, oneCount, err := mapped(t, Job[string, K, V, Pair[K, V]]{Name: "x", Combine: c, Partition: partition,
			Map: func(_ context.Context, _ string, emit func(K, V)) error {
				for _, p := range batches[n] {
					emit(p.Key, p.Value)
				}
				n++
				return nil
			}}, start, lines...)
		if err != nil {
			t.Fatal(err)
		}
		n = 0
		all, allCount, err := mapped(t, Job[string, K, V, Pair[K, V]]{Name: "x", Combine: c, Partition: partition,
			MapBatch: func(_ context.Context, _ arrow.RecordBatch, emit *BatchEmitter) error {
				n++
				return emit.Emit(columnsOf(t, batches[n-1])...)
			}}, start, lines...)
		if err != nil {
			t.Fatal(err)
		}
		if oneCount.GetPairsOut() != allCount.GetPairsOut() {
			t.Errorf("%d pairs by columns, %d one by one", allCount.GetPairsOut(), oneCount.GetPairsOut())
		}
		if got, want := outcome[K](t, c, all), outcome[K](t, c, one); !slices.Equal(got, want) {
			t.Errorf("memory %d: %d lines by columns, %d one by one; they differ", memory, len(got), len(want))
		}
	}
}

type visit struct {
	Status int32
	Path   string
}

type seen struct {
	N     int64
	Least string
}

func TestColumnsEqualPairs(t *testing.T) {
	key := func(r *rand.Rand) string {
		switch r.IntN(400) {
		case 0:
			return strings.Repeat("long\x00", r.IntN(2000)) // past what a table takes
		case 1:
			return ""
		}
		return fmt.Sprintf("key-%d", r.IntN(40_000))
	}
	words := func(r *rand.Rand) Pair[string, int64] { return Pair[string, int64]{key(r), r.Int64N(1000) - 500} }
	add := Fold(func(a, b int64) int64 { return a + b })
	for name, c := range map[string]Combiner[int64]{"sum": Sum[int64](), "count": Count[int64](), "max": Max[int64](), "fold": add, "none": {}} {
		t.Run("string-int64/"+name, func(t *testing.T) { testColumns(t, c, nil, words) })
	}
	byLength := func(k string, n int) int { return len(k) % n }
	t.Run("partition/sum", func(t *testing.T) { testColumns(t, Sum[int64](), byLength, words) })
	t.Run("partition/none", func(t *testing.T) { testColumns(t, Combiner[int64]{}, byLength, words) })
	t.Run("bytes-uint64", func(t *testing.T) {
		testColumns(t, Sum[uint64](), nil, func(r *rand.Rand) Pair[[]byte, uint64] { return Pair[[]byte, uint64]{[]byte(key(r)), r.Uint64()} })
	})
	t.Run("string-float64", func(t *testing.T) {
		testColumns(t, Sum[float64](), nil, func(r *rand.Rand) Pair[string, float64] { return Pair[string, float64]{key(r), float64(r.IntN(9))} })
	})
	t.Run("string-int8", func(t *testing.T) {
		testColumns(t, Sum[int8](), nil, func(r *rand.Rand) Pair[string, int8] { return Pair[string, int8]{key(r), int8(r.Int())} })
	})
	t.Run("struct-int", func(t *testing.T) {
		testColumns(t, Sum[int](), nil, func(r *rand.Rand) Pair[visit, int] {
			return Pair[visit, int]{visit{int32(r.IntN(5)), key(r)}, r.IntN(9)}
		})
	})
	t.Run("time-nothing", func(t *testing.T) {
		testColumns(t, Combiner[struct{}]{}, nil, func(r *rand.Rand) Pair[uint16, struct{}] { return Pair[uint16, struct{}]{Key: uint16(r.Int())} })
	})
	t.Run("pointer-struct", func(t *testing.T) {
		testColumns(t, Fold(func(a, b seen) seen {
			a.N, a.Least = a.N+b.N, min(a.Least, b.Least)
			return a
		}), nil, func(r *rand.Rand) Pair[*int64, seen] {
			p := Pair[*int64, seen]{Value: seen{r.Int64N(9), key(r)}}
			if r.IntN(5) > 0 {
				n := r.Int64N(1000)
				p.Key = &n
			}
			return p
		})
	})
}

// counted runs a MapBatch over one line, once, and gives what it summed.
func counted(t *testing.T, f func(in arrow.RecordBatch, emit *BatchEmitter) error) (map[string]int64, error) {
	t.Helper()
	job := wordJob{Name: "x", Combine: Sum[int64](), MapBatch: func(_ context.Context, in arrow.RecordBatch, emit *BatchEmitter) error {
		return f(in, emit)
	}}
	out, _, err := mapped(t, job, &pluginv1.MapStart{}, "the only line\n")
	return sums(t, out), err
}

// Strings may come in any layout that Arrow has for them.
func TestEmitTakesStringsOfAllLayouts(t *testing.T) {
	words := []string{"zero", "a", "bb", "a", "", "a\x00b", "something longer than sixteen bytes", "last"}
	vals := NumberColumn([]int64{1, 2, 4, 8, 16, 32, 64, 128})
	fill := func(b array.Builder, from, to int) arrow.Array {
		for _, w := range words[from:to] {
			if err := b.AppendValueFromString(w); err != nil {
				t.Fatal(err)
			}
		}
		return b.NewArray()
	}
	mem := memory.DefaultAllocator
	binary := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	for _, w := range words {
		binary.AppendString(w)
	}
	large := array.NewLargeStringBuilder(mem)
	dict := array.NewDictionaryBuilder(mem, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String})
	plain := fill(array.NewStringBuilder(mem), 0, len(words))
	for name, col := range map[string]arrow.Array{
		"string": plain, "binary": binary.NewArray(), "large": fill(large, 0, len(words)), "dictionary": fill(dict, 0, len(words)),
		"by hand": StringColumn([]byte("zeroabba"), []int32{0, 4, 5, 7, 8, 8, 8, 8, 8}),
	} {
		for _, cut := range [][2]int64{{0, 8}, {1, 7}, {3, 3}} {
			want := map[string]int64{}
			for i := cut[0]; i < cut[1]; i++ {
				w := words[i]
				if name == "by hand" {
					w = []string{"zero", "a", "bb", "a", "", "", "", ""}[i]
				}
				want[w] += 1 << i
			}
			got, err := counted(t, func(_ arrow.RecordBatch, emit *BatchEmitter) error {
				return emit.Emit(array.NewSlice(col, cut[0], cut[1]), array.NewSlice(vals, cut[0], cut[1]))
			})
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, rows %v: %v, want %v (%v)", name, cut, got, want, err)
			}
		}
	}
}

func TestEmitRefuses(t *testing.T) {
	mem := memory.DefaultAllocator
	ints := NumberColumn([]int64{1, 2})
	strs := StringColumn([]byte("ab"), []int32{0, 1, 2})
	nulls := array.NewStringBuilder(mem)
	nulls.AppendValues([]string{"a", "b"}, []bool{true, false})
	dict := array.NewDictionaryBuilder(mem, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String})
	dict.AppendNull()
	dict.AppendNull()
	numbers := array.NewDictionaryBuilder(mem, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.PrimitiveTypes.Int64})
	numbers.AppendNull()
	numbers.AppendNull()
	for want, columns := range map[string][]arrow.Array{
		"1 columns, want 2":            {strs},
		"value has 1 rows, not 2":      {strs, array.NewSlice(ints, 0, 1)},
		"key: it is int64, want utf8":  {ints, ints},
		"value: it is utf8, want int6": {strs, strs},
		"column key has nulls":         {nulls.NewArray(), ints},
		"key has nulls":                {dict.NewArray(), ints},
		"key: it is dictionary<":       {numbers.NewArray(), ints},
	} {
		if _, err := counted(t, func(_ arrow.RecordBatch, emit *BatchEmitter) error { return emit.Emit(columns...) }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for want, c := range map[string]struct {
		bounds []int32
		values []arrow.Array
	}{
		"3 bounds, which are not pairs": {[]int32{0, 1, 2}, nil},
		"2 columns of values, want 1":   {[]int32{0, 1}, []arrow.Array{ints, ints}},
		"value has 2 rows, not 1":       {[]int32{0, 1}, []arrow.Array{ints}},
		"value: it is utf8":             {[]int32{0, 1, 0, 1}, []arrow.Array{strs}},
		"out of range":                  {[]int32{0, 1000}, nil},
	} {
		if _, err := counted(t, func(_ arrow.RecordBatch, emit *BatchEmitter) error {
			return emit.EmitPieces([]byte("text"), c.bounds, c.values...)
		}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	refused := func(s Stage, want string) {
		t.Helper()
		if _, _, err := mapped(t, s, &pluginv1.MapStart{}, "a line\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	pieces := func(_ context.Context, _ arrow.RecordBatch, emit *BatchEmitter) error {
		return emit.EmitPieces([]byte("text"), append(emit.Bounds(), 0, 4))
	}
	refused(Job[string, visit, int64, Pair[visit, int64]]{Name: "x", MapBatch: pieces}, "no lone string or bytes")
	refused(Job[string, string, string, Pair[string, string]]{Name: "x", MapBatch: pieces}, "no number that could be 1")
	refused(Job[string, string, []int64, Pair[string, []int64]]{Name: "x", MapBatch: pieces}, "use Map")
	refused(Job[string, struct{}, struct{}, Pair[struct{}, struct{}]]{Name: "x", MapBatch: pieces}, "no columns")
}

func TestEmitPieces(t *testing.T) {
	text := []byte("to be or not to be")
	for name, c := range map[string]struct {
		bounds []int32
		values []int64
		want   map[string]int64
	}{
		"ones":     {[]int32{0, 2, 3, 5, 13, 15, 16, 18}, nil, map[string]int64{"to": 2, "be": 2}},
		"values":   {[]int32{0, 2, 13, 15, 9, 12}, []int64{5, -7, 1}, map[string]int64{"to": -2, "not": 1}},
		"overlaps": {[]int32{0, 5, 3, 8, 3, 3}, nil, map[string]int64{"to be": 1, "be or": 1, "": 1}},
		"none":     {nil, nil, map[string]int64{}},
	} {
		got, err := counted(t, func(_ arrow.RecordBatch, emit *BatchEmitter) error {
			var values []arrow.Array
			if c.values != nil {
				values = append(values, NumberColumn(c.values))
			}
			return emit.EmitPieces(text, append(emit.Bounds(), c.bounds...), values...)
		})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v (%v)", name, got, c.want, err)
		}
	}
	// A float that is 1 by default, with nothing combined.
	job := Job[string, string, float64, Pair[string, float64]]{Name: "x", MapBatch: func(_ context.Context, in arrow.RecordBatch, emit *BatchEmitter) error {
		data, off := RecordBytes(in)
		return emit.EmitPieces(data, []int32{off[1], off[2], off[0], off[1]})
	}}
	out, _, err := mapped(t, job, &pluginv1.MapStart{}, "first\nsecond\n")
	if err != nil || len(out) != 1 || string(out[0].Key(0)) != "second" || string(out[0].Key(1)) != "first" || string(out[0].Val(1)) != "\xbf\xf0\x00\x00\x00\x00\x00\x00" {
		t.Errorf("%v %v", out, err)
	}
	// The list of bounds is used again.
	var first, second []int32
	if _, err := counted(t, func(_ arrow.RecordBatch, emit *BatchEmitter) error {
		first = append(emit.Bounds(), 0, 2)
		err := emit.EmitPieces(text, first)
		second = append(emit.Bounds(), 3, 5)
		return err
	}); err != nil || &first[0] != &second[0] {
		t.Errorf("another list (%v)", err)
	}
}

// BenchmarkMapBatch is what a pair costs that comes in columns, in ns a row.
func BenchmarkMapBatch(b *testing.B) {
	in, words := zipf()
	var bounds []int32
	cut := func(text []byte, off []int32) []int32 {
		bounds = bounds[:0]
		for i := range len(off) - 1 {
			at := off[i]
			for _, w := range strings.SplitAfter(textOf(text[off[i]:off[i+1]]), " ") {
				if n := int32(len(strings.TrimSpace(w))); n > 0 {
					bounds = append(bounds, at, at+n)
				}
				at += int32(len(w))
			}
		}
		return bounds
	}
	type batch struct {
		text    []byte
		bounds  []int32
		columns []arrow.Array
	}
	var batches []batch
	for _, i := range in {
		text, off := RecordBytes(recordBatch(pluginv1.Stage_INPUT_KIND_STRING, i))
		bt := batch{text: text, bounds: slices.Clone(cut(text, off))}
		var pairs []Pair[string, int64]
		for i := 0; i < len(bt.bounds); i += 2 {
			pairs = append(pairs, Pair[string, int64]{string(text[bt.bounds[i]:bt.bounds[i+1]]), 1})
		}
		bt.columns = columnsOf(b, pairs)
		batches = append(batches, bt)
	}
	for name, emit := range map[string]func(e *BatchEmitter, bt batch) error{
		"pieces":  func(e *BatchEmitter, bt batch) error { return e.EmitPieces(bt.text, bt.bounds) },
		"columns": func(e *BatchEmitter, bt batch) error { return e.Emit(bt.columns...) },
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			p, err := wordJob{Name: "x", Combine: Sum[int64](), MapBatch: func(_ context.Context, _ arrow.RecordBatch, e *BatchEmitter) error {
				n++
				return emit(e, batches[n-1])
			}}.Program()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				n = 0
				if _, err := p.Map(b.Context(), &pluginv1.MapStart{Memory: 256 << 20}, boundary.LocalMap{
					Next: input(slices.Repeat([]string{"a line\n"}, len(batches))...), Out: func(*boundary.Pairs) error { return nil },
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*words), "ns/row")
		})
	}
}
