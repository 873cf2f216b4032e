package foldtable

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

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

// Add and the function of Adder, shut now and then, both add what a map does.
func TestTableEqualsAMap(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		tab, want := New(64<<20), map[string]int64{}
		grow := func() {
			if r.IntN(3) > 0 {
				tab.Grow()
			}
		}
		other := 0
		add := tab.Adder(func(k string, v int64) {
			other++
			if tab.Add(k, v) {
				grow()
			}
		}, grow)
		for round := range 3 { // the later ones on memory that was used before
			for i := range 1 + r.IntN(60_000) {
				k := strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(24)) + fmt.Sprint(r.IntN(1+int(seed)*1000))
				if r.IntN(10) == 0 {
					k = strings.Repeat("\x00", r.IntN(20)) // lengths count, zeros or not
				}
				v := r.Int64N(1000) - 500
				if i%1000 == 0 {
					tab.Shut(r.IntN(4) == 0)
				}
				switch round {
				case 0:
					if tab.Add(k, v) {
						grow()
					}
				default:
					add(k, v)
				}
				want[k] += v
			}
			if round > 0 && other == 0 {
				t.Error("no key went past the table")
			}
			t.Logf("seed %d round %d: %d keys, %d adds, %d of them by the way", seed, round, len(want), tab.Adds(), other)
			check(t, tab, want)
		}
		tab.Close()
	}
}

func TestExtremeSums(t *testing.T) {
	tab := New(0)
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
		tab := New(limit)
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
	for at := range len(page) - maxInline {
		for _, n := range []int{1, 7, 8, 9, 15, 16, 17, 22, 23} {
			k0, k1, k2 := load(page[at : at+n])
			if s0, s1, s2 := loadSafe(page[at : at+n]); k0 != s0 || k1 != s1 || k2 != s2 {
				t.Fatalf("at %d, %d bytes: %x %x %x, want %x %x %x", at, n, k0, k1, k2, s0, s1, s2)
			}
		}
	}
}

func TestHugeKeys(t *testing.T) {
	k := strings.Repeat("x", maxLong+1)
	tab, want := New(0), map[string]int64{k: 3, "": 2}
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
		tab := New(256 << 20)
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

// TestLongKeysDoNotCrowd: a table that long keys have filled and that was emptied takes many again before it is full. Emptying
// costs as much as the table has slots, so one that was full at each key would be as slow as it is large.
func TestLongKeysDoNotCrowd(t *testing.T) {
	const limit, keys, size = 4 << 20, 200_000, 64
	tab := New(limit)
	defer tab.Close()
	drains := 0
	for i := range keys {
		if tab.Add(fmt.Sprintf("%0*d", size, i), 1) && !tab.Grow() {
			drains++
			if err := tab.Drain(func([]byte, int64) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if most := 16 * keys * size / limit; drains == 0 || drains > most {
		t.Errorf("emptied %d times for %d keys of %d bytes with %d, want at most %d", drains, keys, size, limit, most)
	}
}
