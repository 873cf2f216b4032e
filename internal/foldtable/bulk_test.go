package foldtable

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// AddAll of columns equals Add of each row, whatever the layout, and gives the rows back that a full table does not take.
func TestAddAllEqualsAdd(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		stride, ones := 1+int(seed%2), seed%3 == 0
		tab, want := New(1<<20), map[string]int64{}
		for range 5 {
			data, at, vals := []byte{}, []int32{}, []int64{}
			if stride == 1 {
				at = append(at, 0)
			}
			n := r.IntN(20_000)
			for range n {
				k := fmt.Sprint(r.IntN(1 + 3000*int(seed)))
				switch r.IntN(20) {
				case 0:
					k = strings.Repeat("\x00", r.IntN(25))
				case 1:
					k = strings.Repeat("long", r.IntN(20)) + k
				}
				if stride == 2 {
					data = append(data, "gap"[:r.IntN(4)]...)
					at = append(at, int32(len(data)))
				}
				data = append(data, k...)
				at = append(at, int32(len(data)))
				v := int64(1)
				if !ones {
					v = r.Int64N(100)
					vals = append(vals, v)
				}
				want[k] += v
			}
			if ones {
				vals = nil
			}
			for done := 0; done < n; {
				rest := vals
				if !ones {
					rest = vals[done:]
				}
				done += tab.AddAll(data, at[done*stride:], stride, rest, 1<<20)
				if done < n && !tab.Full() {
					t.Fatalf("seed %d: %d of %d rows taken, and the table is not full", seed, done, n)
				}
				for tab.Full() && !tab.Grow() {
					tab.SetLimit(64 << 20)
				}
			}
		}
		check(t, tab, want)
		tab.Close()
	}
}

// Keys may overlap and come in any order.
func TestAddAllOfRanges(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	tab, want := New(64<<20), map[string]int64{}
	text := make([]byte, 100_000) // more than a page, so that keys lie across its end
	for i := range text {
		text[i] = byte(r.IntN(2))
	}
	for range 60 {
		var bounds []int32
		for range r.IntN(3000) {
			from, n := r.IntN(len(text)), r.IntN(1+r.IntN(40))
			to := min(from+n, len(text))
			bounds = append(bounds, int32(from), int32(to))
			want[string(text[from:to])]++
		}
		for len(bounds) > 0 {
			n := tab.AddAll(text, bounds, 2, nil, 100)
			if !tab.Full() && n < len(bounds)/2 {
				t.Fatalf("%d of %d added, and the table is not full", n, len(bounds)/2)
			}
			if bounds = bounds[2*n:]; tab.Full() {
				tab.Grow()
			}
		}
	}
	check(t, tab, want)
}

func TestAddAllOfNothing(t *testing.T) {
	tab := New(0)
	for _, at := range [][]int32{nil, {}, {0}, {7}} {
		for stride := 1; stride <= 2; stride++ {
			if n := tab.AddAll([]byte("unseen!"), at, stride, nil, 100); n != 0 {
				t.Errorf("%v, stride %d: %d rows", at, stride, n)
			}
		}
	}
	check(t, tab, map[string]int64{})
}

func TestAddAllStopsBeforeALongKey(t *testing.T) {
	tab := New(0)
	at := []int32{0, 1, 31, 72, 73} // keys of 1, 30, 41 and 1 bytes
	data := []byte(strings.Repeat("k", 73))
	if n := tab.AddAll(data, at, 1, nil, 30); n != 2 || tab.Full() {
		t.Errorf("%d rows taken, want the 2 before the long one", n)
	}
	if n := tab.AddAll(data, at[2:], 1, nil, 30); n != 0 {
		t.Errorf("%d rows taken, the first of which is long", n)
	}
	check(t, tab, map[string]int64{"k": 1, strings.Repeat("k", 30): 1})
}

// BenchmarkAddAll is BenchmarkAdd, a column of words at a time.
func BenchmarkAddAll(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.07, 1, 1_000_000)
	const rows = 1 << 20
	var data []byte
	at := []int32{0}
	for range rows {
		data = fmt.Appendf(data, "w%x", z.Uint64()*2654435761%(1<<24))
		at = append(at, int32(len(data)))
	}
	tab := New(256 << 20)
	for b.Loop() {
		for done := 0; done < rows; {
			if done += tab.AddAll(data, at[done:], 1, nil, 100); tab.Full() {
				tab.Grow()
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
