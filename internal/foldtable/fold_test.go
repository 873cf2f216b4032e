package foldtable

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A table that folds does what a map does, and one that is drained sums again once it is told to.
func TestFoldsEqualAMap(t *testing.T) {
	unexpected := func(key []byte, r any) { t.Errorf("%q: %v", key, r) }
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 2))
		tab := New(64 << 20)
		for round := range 3 {
			want := map[string]int64{}
			fold := func(a, b int64) int64 { return max(a, b) }
			if round == 2 {
				fold = func(a, b int64) int64 { return a + b }
				tab.Folds(nil, nil)
			} else {
				tab.Folds(fold, unexpected)
			}
			for range 1 + r.IntN(100_000) {
				k := strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(24)) + fmt.Sprint(r.IntN(1+int(seed)*10_000))
				v := r.Int64N(1000) - 500
				if tab.Add(k, v) {
					tab.Grow()
				}
				if old, had := want[k]; had {
					v = fold(old, v)
				}
				want[k] = v
			}
			check(t, tab, want)
		}
		tab.Close()
	}
}

// A panic of the function names its key, wherever that lies, and leaves nothing behind.
func TestFoldPanics(t *testing.T) {
	short, long, over := "short", strings.Repeat("long", 10), ""
	for _, bad := range []string{short, long, over} {
		t.Run(fmt.Sprintf("%.8q", bad), func(t *testing.T) {
			tab := New(1 << 20)
			var failed []string
			tab.Folds(func(a, b int64) int64 {
				if b == 13 {
					panic("unlucky")
				}
				return a + b
			}, func(key []byte, r any) {
				failed = append(failed, fmt.Sprintf("%s: %v", key, r))
			})
			for i := range 10_000 { // enough for pairs to meet in the front table and in the large one
				tab.Add(fmt.Sprint(i%5000), 1)
			}
			tab.Add(bad, 13) // the first value is taken as it is
			tab.Add(bad, 13)
			left := 0
			if err := tab.Drain(func([]byte, int64) error { left++; return nil }); err != nil {
				t.Fatal(err)
			}
			if len(failed) != 1 || failed[0] != bad+": unlucky" || left == 0 {
				t.Errorf("failed: %q, %d keys left", failed, left)
			}
			check(t, tab, map[string]int64{})
		})
	}
}

// The pairs of the front table meet those of the large one only when the table is drained; a panic there is no other.
func TestFoldPanicsWhenSettled(t *testing.T) {
	tab := New(1 << 20)
	var failed []string
	tab.Folds(func(a, b int64) int64 { panic("always") }, func(key []byte, r any) { failed = append(failed, string(key)) })
	const key = "key"
	tab.Add(key, 1)
	tab.settle() // the key lies in the large table, and its place in the front table is free
	tab.Add(key, 2)
	for i := range 2 * queueLen {
		tab.Add(fmt.Sprint(i), 1)
	}
	if len(failed) != 0 {
		t.Fatalf("%q failed early", failed)
	}
	_ = tab.Drain(func([]byte, int64) error { return nil })
	if len(failed) != 1 || failed[0] != key {
		t.Errorf("%q failed", failed)
	}
	check(t, tab, map[string]int64{})
}
