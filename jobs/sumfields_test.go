package jobs

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
)

// Inner is embedded below, so it is exported: its fields are columns.
type Inner struct {
	C int16
	D [3]float32
}

type manyFields struct {
	A int64
	B uint8
	Inner
	E struct{ F, G uint64 }
	H int
	I float64
	J [2][2]int32
	K uint32
}

// sumByReflection is what adding field by field means.
func sumByReflection(acc, v reflect.Value) {
	switch {
	case acc.Kind() == reflect.Struct:
		for i := range acc.NumField() {
			sumByReflection(acc.Field(i), v.Field(i))
		}
	case acc.Kind() == reflect.Array:
		for i := range acc.Len() {
			sumByReflection(acc.Index(i), v.Index(i))
		}
	case acc.CanInt():
		acc.SetInt(acc.Int() + v.Int())
	case acc.CanUint():
		acc.SetUint(acc.Uint() + v.Uint())
	default:
		acc.SetFloat(acc.Float() + v.Float())
	}
}

// SumFields, the same into a table, and the engine's fold of encoded values are all one sum.
func TestSumFieldsIsTheSumOfFields(t *testing.T) {
	c := SumFields[manyFields]()
	if c.err != nil {
		t.Fatal(c.err)
	}
	vals, err := codec.For[manyFields]()
	if err != nil {
		t.Fatal(err)
	}
	engine, exact, ok := codec.FoldFor(c.kind, vals.Fields())
	if !ok || exact {
		t.Fatalf("the engine folds: %v, exactly: %v", ok, exact)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() (m manyFields) {
		m.A, m.B, m.C, m.H, m.K = int64(rng.Uint64()), uint8(rng.Uint64()), int16(rng.Uint64()), int(rng.Uint64()), rng.Uint32()
		m.E.F, m.E.G, m.I = rng.Uint64(), rng.Uint64(), rng.NormFloat64()
		for i := range 3 {
			m.D[i] = float32(rng.NormFloat64())
		}
		for i := range 4 {
			m.J[i/2][i%2] = int32(rng.Uint32())
		}
		return m
	}
	want := random()
	folded, into, encoded := want, want, vals.Append(nil, want)
	for i := range 1000 {
		v := random()
		sumByReflection(reflect.ValueOf(&want).Elem(), reflect.ValueOf(v))
		folded = c.fold(folded, v)
		c.into(&into, &v, false)
		encoded = engine(encoded, vals.Append(nil, v))
		decoded, err := vals.Decode(encoded)
		if err != nil || folded != want || into != want || decoded != want {
			t.Fatalf("%d: folded %v, into %v, by the engine %v (%v), want %v", i, folded, into, decoded, err, want)
		}
	}
	v := random()
	if c.into(&into, &v, true); into != v {
		t.Errorf("a fresh sum of %v is %v", v, into)
	}
	if got := engine([]byte{1}, []byte{1}); len(got) != 1 {
		t.Errorf("what is no encoding became %v", got)
	}
}

func TestSumFieldsOfIntegersIsExact(t *testing.T) {
	vals, err := codec.For[struct{ A, B int32 }]()
	if err != nil {
		t.Fatal(err)
	}
	if _, exact, ok := codec.FoldFor(pluginv1.Stage_FOLD_SUM, vals.Fields()); !exact || !ok {
		t.Errorf("folded: %v, exactly: %v", ok, exact)
	}
	if _, _, ok := codec.FoldFor(pluginv1.Stage_FOLD_MAX, vals.Fields()); ok {
		t.Error("the engine knows the greatest of two columns")
	}
	if _, _, ok := codec.FoldFor(pluginv1.Stage_FOLD_COUNT, vals.Fields()); ok {
		t.Error("the engine counts in two columns")
	}
}

func sumJob[V any]() Job[string, string, V, Pair[string, V]] {
	return Job[string, string, V, Pair[string, V]]{
		Name: "x", Map: func(context.Context, string, func(string, V)) error { return nil }, Combine: SumFields[V](),
	}
}

func TestSumFieldsRefusesWhatIsNoNumber(t *testing.T) {
	for want, s := range map[string]Stage{
		"field Name: a string is no number": sumJob[struct {
			N    int
			Name string
		}](),
		"field At: field B: a *int is no number": sumJob[struct{ At struct{ B *int } }](),
		"is no number":                           sumJob[time.Time](),
		"a []int is no number":                   sumJob[[]int](),
		"has no fields":                          sumJob[struct{}](),
	} {
		if _, err := s.Program(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SumFields") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	for _, s := range []Stage{sumJob[int](), sumJob[struct{ N float64 }](), sumJob[[4]uint16](), sumJob[[4]byte]()} {
		if _, err := s.Program(); err != nil {
			t.Error(err)
		}
	}
}

// A number is a value with one field.
func TestSumFieldsOfANumber(t *testing.T) {
	job := wordJob{Name: "x", Map: countWords, Combine: SumFields[int64]()}
	batches, _, err := mapped(t, job, &pluginv1.MapStart{}, "a b a\n")
	if got := sums(t, batches); err != nil || len(got) != 2 || got["a"] != 2 || batches[0].Len() != 2 {
		t.Errorf("counted %v (%v)", got, err)
	}
}

// A fold that panics fails the attempt and names the key, for the record at hand has nothing to do with it.
func TestAPanicOfAFoldNamesTheKey(t *testing.T) {
	job := Job[string, struct {
		Word string
		N    int
	}, float64, Pair[struct {
		Word string
		N    int
	}, float64]]{
		Name: "x",
		Map: func(_ context.Context, line string, emit func(struct {
			Word string
			N    int
		}, float64)) error {
			for w := range Words(line) {
				emit(struct {
					Word string
					N    int
				}{w, len(w)}, float64(len(w)))
			}
			return nil
		},
		Combine: Fold(func(a, b float64) float64 {
			if a == 3 {
				panic("three")
			}
			return math.Max(a, b)
		}),
	}
	for name, text := range map[string]string{"at the end": "a bb ccc\na ccc\n", "on the way": "a bb ccc\na ccc\n" + strings.Repeat("a bb\n", 10_000)} {
		_, _, err := mapped(t, job, &pluginv1.MapStart{}, text)
		if err == nil || !strings.Contains(err.Error(), `{"n":3,"word":"ccc"}`) || !strings.Contains(err.Error(), "panic: three") {
			t.Errorf("%s: %v", name, err)
		}
		if f := fmt.Sprintf("%T", err); f != "*boundary.Failure" {
			t.Errorf("%s: a %s", name, f)
		}
	}
}
