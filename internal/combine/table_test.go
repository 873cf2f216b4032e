package combine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// The table equals a Go map, over keys of all lengths, growth and resets.
func TestTableIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	keys := make([]string, 20_000)
	for i := range keys {
		b := make([]byte, rng.IntN(24))
		if i%100 == 0 {
			b = make([]byte, rng.IntN(MaxKey+1))
		}
		for j := range b {
			b[j] = byte(rng.IntN(3)) // zeros too: padding must not confuse
		}
		keys[i] = string(b)
	}
	tab := New[int64](64 << 20)
	for round := range 3 {
		want := map[string]int64{}
		for i := range 100_000 {
			k := keys[rng.IntN(len(keys))]
			v, fresh := tab.Upsert(k)
			if _, known := want[k]; fresh == known {
				t.Fatalf("round %d: Upsert(%q) says fresh=%v", round, k, fresh)
			}
			if fresh && *v != 0 {
				t.Fatalf("a fresh value is %d", *v)
			}
			*v += int64(i)
			want[k] += int64(i)
			if tab.Full() && !tab.Grow() {
				t.Fatal("no room in 64 MiB")
			}
		}
		if tab.Len() != len(want) {
			t.Fatalf("%d keys, want %d", tab.Len(), len(want))
		}
		for k, v := range tab.All {
			if want[string(k)] != *v {
				t.Fatalf("%q is %d, want %d", k, *v, want[string(k)])
			}
			delete(want, string(k))
		}
		if len(want) > 0 {
			t.Fatalf("All left out %d keys", len(want))
		}
		tab.Reset()
	}
}

func TestTableKeepsItsLimit(t *testing.T) {
	const limit = 4 << 20
	for _, longest := range []int{1, 40, 1000} {
		tab := New[int64](limit)
		for i := 0; ; i++ {
			tab.Upsert(fmt.Sprintf("%s%d", strings.Repeat("k", i%longest), i))
			if tab.Bytes() > limit {
				t.Fatalf("%d bytes held, limit %d", tab.Bytes(), limit)
			}
			if tab.Full() && !tab.Grow() {
				break
			}
		}
		if tab.Bytes() < limit/4 {
			t.Errorf("keys up to %d: gave up at %d bytes of %d", longest, tab.Bytes(), limit)
		}
		if tab.Reset(); tab.Full() {
			t.Error("full after Reset")
		}
	}
}

func TestGate(t *testing.T) {
	var g Gate
	if !g.Judge(10, 10) {
		t.Error("a small table is judged at once")
	}
	if !g.Judge(2*firstTrial, firstTrial) {
		t.Error("a table that halves the pairs does not pay")
	}
	if g.Judge(firstTrial+1, firstTrial) || g.Shut != 8*firstTrial {
		t.Errorf("distinct keys are combined on; shut for %d", g.Shut)
	}
	g.Restart(firstTrial + 1)
	at := uint64(9*firstTrial + 1)
	if !g.Judge(at+firstTrial, firstTrial) {
		t.Error("the second trial is not longer")
	}
	if !g.Judge(at+3*firstTrial, 2*firstTrial) {
		t.Error("pairs that passed by are counted")
	}
}

func FuzzTable(f *testing.F) {
	f.Add("a", "a\x00", "0123456789abcdef", "0123456789abcdefg")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		tab, want := New[int](1<<20), map[string]int{}
		for i, k := range []string{a, b, c, d, a, d} {
			if len(k) > MaxKey {
				continue
			}
			v, _ := tab.Upsert(k)
			*v += i
			want[k] += i
		}
		for k, v := range tab.All {
			if want[string(k)] != *v {
				t.Errorf("%q is %d, want %d", k, *v, want[string(k)])
			}
		}
	})
}

func BenchmarkUpsert(b *testing.B) {
	for _, keys := range []int{1 << 8, 1 << 14, 1 << 20} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			words := make([]string, 1<<16)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range words {
				words[i] = fmt.Sprintf("word%d", rng.IntN(keys))
			}
			tab := New[int64](256 << 20)
			i := 0
			for b.Loop() {
				v, _ := tab.Upsert(words[i&(1<<16-1)])
				*v++
				if tab.Full() {
					tab.Grow()
				}
				i++
			}
		})
	}
}
