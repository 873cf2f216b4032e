package combine

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// counted is a table of sums with who grows it: what a caller does, in short.
type counted[V any] struct {
	*Table[V]
	into func(acc, v *V, fresh bool)
	put  func(key []byte, v *V) // takes what leaves a table that may not grow
}

func (c *counted[V]) add(key string, v V) {
	if c.Add(key, v) {
		c.settle()
	}
}

func (c *counted[V]) settle() {
	for !c.Fits() {
		if !c.Grow() {
			c.empty()
		}
	}
	c.Settle(c.into)
}

func (c *counted[V]) empty() {
	for k, v := range c.All {
		c.put(k, v)
	}
	c.Reset()
}

// keysOf are n keys of all lengths, many of which differ in zeros at the end alone.
func keysOf(rng *rand.Rand, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		b := make([]byte, rng.IntN(24))
		if i%100 == 0 {
			b = make([]byte, rng.IntN(MaxKey+1))
		}
		for j := range b {
			b[j] = byte(rng.IntN(3))
		}
		keys[i] = string(b)
	}
	return keys
}

// testIsAMap folds values of a type by key and compares with a Go map, over growth, limits and resets.
func testIsAMap[V any](t *testing.T, limit int, value func(i int) V, fold func(acc, v V) V) {
	rng := rand.New(rand.NewPCG(1, 2))
	keys := keysOf(rng, 20_000)
	want, got, fresh := map[string]V{}, map[string]V{}, 0
	sum := func(m map[string]V, k string, v V) {
		if old, known := m[k]; known {
			v = fold(old, v)
		}
		m[k] = v
	}
	c := counted[V]{Table: New[V](limit)}
	defer c.Close()
	c.into = func(acc, v *V, isFresh bool) {
		if !isFresh {
			*acc = fold(*acc, *v)
			return
		}
		if !reflect.ValueOf(acc).Elem().IsZero() {
			t.Fatalf("a fresh value is %v", *acc)
		}
		*acc = *v
		fresh++
	}
	left := 0
	c.put = func(k []byte, v *V) {
		sum(got, string(k), *v)
		left++
	}
	for range 3 {
		for i := range 100_000 {
			k := keys[rng.IntN(len(keys))]
			c.add(k, value(i))
			sum(want, k, value(i))
			if c.Bytes() > max(limit, 1<<17) {
				t.Fatalf("%d bytes held, limit %d", c.Bytes(), limit)
			}
		}
		c.settle()
		c.empty()
	}
	if fresh != left {
		t.Errorf("%d keys were fresh, %d came out", fresh, left)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%d keys, want %d, or other values", len(got), len(want))
	}
}

func TestTableIsAMap(t *testing.T) {
	for _, limit := range []int{1, 300 << 10, 64 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			testIsAMap(t, limit, func(i int) int64 { return int64(i) }, func(a, b int64) int64 { return a + b })
			testIsAMap(t, limit, func(i int) uint8 { return uint8(i) }, func(a, b uint8) uint8 { return a ^ b })
			testIsAMap(t, limit, func(int) struct{} { return struct{}{} }, func(a, _ struct{}) struct{} { return a })
			type wide struct {
				N    [40]int32
				Last bool
			}
			testIsAMap(t, limit, func(i int) wide { return wide{N: [40]int32{7: int32(i), 39: 1}} }, func(a, b wide) wide {
				for i := range a.N {
					a.N[i] += b.N[i]
				}
				return a
			})
			type named struct {
				N    int
				Name *string
			}
			name := "a name"
			testIsAMap(t, limit, func(i int) named { return named{i, &name} }, func(a, b named) named { return named{a.N + b.N, a.Name} })
		})
	}
}

// Values that hold pointers keep what they point to alive, those that wait too, and no longer than they are there.
func TestValuesAreKeptAlive(t *testing.T) {
	c := counted[*[]string]{Table: New[*[]string](64 << 20), into: func(acc, v **[]string, fresh bool) {
		if fresh {
			*acc = *v
		} else {
			**acc = append(**acc, **v...)
		}
	}}
	defer c.Close()
	for i := range 50_000 {
		c.add(fmt.Sprint("key", i%5000), &[]string{fmt.Sprint("value", i)})
		if i%10_000 == 0 {
			runtime.GC()
		}
	}
	c.settle()
	n := 0
	for k, v := range c.All {
		for _, s := range **v {
			i, err := strconv.Atoi(strings.TrimPrefix(s, "value"))
			if err != nil || fmt.Sprint("key", i%5000) != string(k) {
				t.Fatalf("%s under %s", s, k)
			}
			n++
		}
	}
	if n != 50_000 {
		t.Errorf("%d values", n)
	}
	c.Reset()
	if d := c.Table; slices.ContainsFunc(d.apart[:cap(d.apart)][:5000], func(p *[]string) bool { return p != nil }) ||
		slices.ContainsFunc(d.vals, func(p *[]string) bool { return p != nil }) {
		t.Error("an empty table holds values")
	}
}

func TestHasPointers(t *testing.T) {
	type plain struct {
		A [3]struct {
			B int8
			F float64
		}
	}
	for _, v := range []any{1, uint8(1), 1.5, plain{}, [0]string{}, struct{}{}, true, complex(1, 1)} {
		if hasPointers(reflect.TypeOf(v)) {
			t.Errorf("%T holds no pointers", v)
		}
	}
	for _, v := range []any{"", []int{}, map[int]int{}, new(int), struct{ A [2]struct{ S string } }{}, func() {}, make(chan int),
		unsafe.Pointer(nil), struct{ E error }{}, time.Time{}} {
		if !hasPointers(reflect.TypeOf(v)) {
			t.Errorf("%T holds pointers", v)
		}
	}
}

func TestTableKeepsItsLimit(t *testing.T) {
	const limit = 4 << 20
	for _, longest := range []int{1, 40, 1000} {
		tab := New[int64](limit)
		for i := 0; ; i++ {
			if !tab.Add(fmt.Sprintf("%s%d", strings.Repeat("k", i%longest), i), 1) {
				continue
			}
			if !tab.Fits() && !tab.Grow() {
				break
			}
			tab.Settle(func(acc, v *int64, _ bool) { *acc += *v })
			if tab.Bytes() > limit {
				t.Fatalf("%d bytes held, limit %d", tab.Bytes(), limit)
			}
		}
		if tab.Bytes() < limit/4 {
			t.Errorf("keys up to %d: gave up at %d bytes of %d", longest, tab.Bytes(), limit)
		}
		if tab.Reset(); !tab.Fits() {
			t.Error("full after Reset")
		}
		tab.Close()
		tab.Close()
	}
}

// A panic of the fold loses what waits and harms nothing else.
func TestTableAfterAPanic(t *testing.T) {
	tab := New[int64](1 << 20)
	defer tab.Close()
	add := func(acc, v *int64, _ bool) { *acc += *v }
	tab.Add("a", 1)
	tab.Settle(add)
	tab.Add("a", 2)
	tab.Add("b", 2)
	func() {
		defer func() { _ = recover() }()
		tab.Settle(func(_, _ *int64, _ bool) { panic("no") })
	}()
	tab.Drop()
	tab.Add("a", 4)
	tab.Settle(add)
	for k, v := range tab.All {
		if string(k) != "a" || *v != 5 {
			t.Errorf("%s is %d", k, *v)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add("a", "a\x00", "0123456789abcdef", "0123456789abcdefg")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		tab, want := New[int](1<<20), map[string]int{}
		defer tab.Close()
		for i, k := range []string{a, b, c, d, a, d} {
			if len(k) > MaxKey {
				continue
			}
			if tab.Add(k, i) || i%2 == 0 {
				tab.Settle(func(acc, v *int, _ bool) { *acc += *v })
			}
			want[k] += i
		}
		tab.Settle(func(acc, v *int, _ bool) { *acc += *v })
		if tab.Len() != len(want) {
			t.Errorf("%d keys, want %d", tab.Len(), len(want))
		}
		for k, v := range tab.All {
			if want[string(k)] != *v {
				t.Errorf("%q is %d, want %d", k, *v, want[string(k)])
			}
		}
	})
}

// BenchmarkAdd is an add by the number of keys, in a table that has its size, for keys and values as log jobs have them.
func BenchmarkAdd(b *testing.B) {
	type load struct{ Hits, Bytes int64 }
	for _, n := range []int{1 << 8, 1 << 14, 1 << 19} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const made = "200/a/path/of/%016x"
			key := fmt.Appendf(nil, made, 0)
			keyOf := func(i uint64) string { // made on the spot: thousands lying around would be misses of their own
				for j := range 16 {
					key[len(key)-1-j] = 'a' + byte(i>>(4*j)&15)
				}
				return unsafe.String(&key[0], len(key))
			}
			c := counted[load]{Table: New[load](256 << 20), into: func(acc, v *load, _ bool) { acc.Hits += v.Hits; acc.Bytes += v.Bytes }}
			defer c.Close()
			for i := range n {
				c.add(keyOf(uint64(i)), load{})
			}
			rng := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				c.add(keyOf(rng.Uint64N(uint64(n))), load{1, 2})
			}
		})
	}
}
