package foldtable

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// plain is what a Table must equal.
func plain(op Op, m map[string]int64, k string, v int64) {
	old, had := m[k]
	if !had {
		m[k] = v
		return
	}
	m[k] = (&Table{op: op}).fold(old, v)
}

func check(t *testing.T, tab *Table, want map[string]int64) {
	t.Helper()
	if tab.Len() != len(want) {
		t.Errorf("%d keys, want %d", tab.Len(), len(want))
	}
	err := tab.Drain(func(k []byte, v int64) error {
		if w, ok := want[string(k)]; !ok || w != v {
			return fmt.Errorf("%q = %d, want %d (%v)", k, v, w, ok)
		}
		delete(want, string(k))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if len(want) != 0 {
		t.Errorf("%d keys are missing", len(want))
	}
	if tab.Len() != 0 || tab.Full() {
		t.Error("not empty after Drain")
	}
}

func TestTableEqualsAMap(t *testing.T) {
	for op := Sum; op <= MaxFloat; op++ {
		for seed := range uint64(6) {
			r := rand.New(rand.NewPCG(seed, uint64(op)))
			tab, want := New(op, 64<<20), map[string]int64{}
			for round := range 2 { // the second on memory that was used before
				for range 1 + r.IntN(60_000) {
					k := strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(24)) + fmt.Sprint(r.IntN(1+int(seed)*1000))
					if r.IntN(10) == 0 {
						k = strings.Repeat("\x00", r.IntN(20)) // lengths count, zeros or not
					}
					v := r.Int64N(1000) - 500
					if op >= SumFloat {
						v = int64(math.Float64bits(float64(v)))
					}
					tab.Add(k, v)
					if tab.Full() && r.IntN(3) > 0 {
						tab.Grow()
					}
					plain(op, want, k, v)
				}
				t.Logf("op %d seed %d round %d: %d keys", op, seed, round, len(want))
				check(t, tab, want)
			}
			tab.Close()
		}
	}
}

func TestExtremeSums(t *testing.T) {
	tab := New(Sum, 0)
	for range 1000 {
		tab.Add("a", math.MaxInt64)
		tab.Add("b", math.MinInt64)
		tab.Add("a", -math.MaxInt64)
	}
	check(t, tab, map[string]int64{"a": 0, "b": 0})
}

func TestFullComesBeforeTheLimit(t *testing.T) {
	const limit = 8 << 20
	for _, long := range []bool{false, true} {
		tab := New(Sum, limit)
		for i := 0; !tab.Full() || tab.Grow(); i++ {
			k := fmt.Sprint(i)
			if long {
				k = strings.Repeat("k", 50) + k
			}
			tab.Add(k, 1)
			if i > 1<<20 {
				t.Fatal("never full")
			}
		}
		if tab.Bytes() > limit {
			t.Errorf("long %v: full at %d bytes of %d", long, tab.Bytes(), limit)
		}
		if n := tab.Len(); n < 30_000 {
			t.Errorf("long %v: full with %d keys", long, n)
		}
		tab.Close()
	}
}

func TestLoadEqualsLoadSafe(t *testing.T) {
	page := strings.Repeat("abcdefghij\x00\xff", 2000)
	for at := range len(page) - 16 {
		for _, n := range []int{1, 7, 8, 9, 15, 16} {
			lo, hi := load(page[at : at+n])
			if l, h := loadSafe(page[at : at+n]); l != lo || h != hi {
				t.Fatalf("at %d, %d bytes: %x %x, want %x %x", at, n, lo, hi, l, h)
			}
		}
	}
}

func TestHugeKeys(t *testing.T) {
	k := strings.Repeat("x", maxLong+1)
	tab, want := New(Sum, 0), map[string]int64{k: 3, "": 2}
	tab.Add(k, 1)
	tab.Add(k, 2)
	tab.Add("", 1)
	tab.Add("", 1)
	if !tab.Full() {
		t.Error("16 MiB of key in a table of 1 MiB, and it is not full")
	}
	check(t, tab, want)
}

// BenchmarkAdd is the cost of one add at a Zipf distribution of words like English text.
func BenchmarkAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.07, 1, 1_000_000)
	words := make([]string, 1<<20)
	for i := range words {
		words[i] = fmt.Sprintf("w%x", z.Uint64()*2654435761%(1<<24))
	}
	b.Run("table", func(b *testing.B) {
		tab := New(Sum, 256<<20)
		for i := 0; b.Loop(); i++ {
			if tab.Add(words[i&(1<<20-1)], 1); tab.Full() {
				tab.Grow()
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		m := map[string]int64{}
		for i := 0; b.Loop(); i++ {
			m[words[i&(1<<20-1)]]++
		}
	})
}
