package suspect

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// deadly is a plugin that dies at some rows, and says which it was where it panics.
type deadly struct {
	rows   []int
	panics bool
	tries  int
	deaths int
}

func (p *deadly) try(lo, hi int) (*death, error) {
	p.tries++
	for row := lo; row < hi; row++ {
		if slices.Contains(p.rows, row) {
			p.deaths++
			if p.panics {
				return &death{why: errors.New("panic"), row: row, sure: true}, nil
			}
			return &death{why: errors.New("gone"), row: -1}, nil
		}
	}
	return nil, nil
}

func find(t *testing.T, n int, p *deadly) []int {
	t.Helper()
	var got []int
	unsure, err := search(n, p.try, func(row int, d *death) bool {
		if d == nil || d.why == nil {
			t.Fatal("no reason")
		}
		got = append(got, row)
		return true
	})
	if err != nil || unsure != 0 {
		t.Fatal(unsure, err)
	}
	return got
}

// TestSearchFindsExactlyTheDeadly: whatever rows kill, those are found, in order, within the bound on dead processes.
func TestSearchFindsExactlyTheDeadly(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		n := 1 + rng.IntN(20_000)
		p := &deadly{panics: seed%4 == 0}
		for range rng.IntN(6) {
			p.rows = append(p.rows, rng.IntN(n))
		}
		if seed%3 == 0 {
			p.rows = append(p.rows, 0, n-1) // the edges
		}
		slices.Sort(p.rows)
		p.rows = slices.Compact(p.rows)
		if got := find(t, n, p); !slices.Equal(got, p.rows) {
			t.Fatalf("seed %d: %d rows: found %v, want %v", seed, n, got, p.rows)
		}
		levels := 1 + int(math.Ceil(math.Log(float64(n))/math.Log(ways)))
		if p.panics {
			levels = 2 // the first of what is tried is tried alone, too; no process dies of a panic
		}
		if p.deaths > len(p.rows)*levels || p.tries > len(p.rows)*(1+levels*ways)+1 {
			t.Fatalf("seed %d: %d rows, %d deadly: %d deaths, %d tries", seed, n, len(p.rows), p.deaths, p.tries)
		}
	}
}

func TestSearchOfOneRow(t *testing.T) {
	if got := find(t, 1, &deadly{rows: []int{0}}); !slices.Equal(got, []int{0}) {
		t.Error(got)
	}
	if got := find(t, 1, &deadly{}); got != nil {
		t.Error(got)
	}
	if got := find(t, 0, &deadly{}); got != nil {
		t.Error(got)
	}
}

// TestSearchOfWhatNoRowDoesAlone: a death that needs many rows at once is no row's, and is said to be so.
func TestSearchOfWhatNoRowDoesAlone(t *testing.T) {
	unsure, err := search(1000, func(lo, hi int) (*death, error) {
		if hi-lo > 300 {
			return &death{why: errors.New("too many"), row: -1}, nil
		}
		return nil, nil
	}, func(int, *death) bool { t.Error("a row was blamed"); return true })
	if err != nil || unsure != 1000 {
		t.Error(unsure, err)
	}
}

func TestSearchEnds(t *testing.T) {
	p := &deadly{rows: []int{3, 5, 7}}
	var got []int
	if _, err := search(10, p.try, func(row int, _ *death) bool { got = append(got, row); return len(got) < 2 }); err != nil || !slices.Equal(got, []int{3, 5}) {
		t.Error(got, err)
	}
	stop := errors.New("stop")
	for at := range 4 {
		tries := 0
		_, err := search(1000, func(lo, hi int) (*death, error) {
			if tries++; tries > at {
				return nil, stop
			}
			return p.try(lo, hi)
		}, func(int, *death) bool { return true })
		if !errors.Is(err, stop) {
			t.Error(at, err)
		}
	}
}

// A map of batches says that a panic was at the first record of what it was given.
func TestSearchBelievesNoBatch(t *testing.T) {
	deadly := map[int]bool{3: true, 40: true, 41: true, 99: true}
	var found []int
	unsure, err := search(100, func(lo, hi int) (*death, error) {
		for row := lo; row < hi; row++ {
			if deadly[row] {
				return &death{why: errors.New("panic"), row: lo, sure: true}, nil
			}
		}
		return nil, nil
	}, func(row int, _ *death) bool {
		found = append(found, row)
		return true
	})
	if want := []int{3, 40, 41, 99}; err != nil || unsure != 0 || !slices.Equal(found, want) {
		t.Errorf("found %v, want %v; %d unsure, %v", found, want, unsure, err)
	}
}

// A row that is named and dies only in company is still the one that is named.
func TestSearchOfANamedRowThatLivesAlone(t *testing.T) {
	var found []int
	unsure, err := search(10, func(lo, hi int) (*death, error) {
		if lo == 0 && hi == 10 {
			return &death{why: errors.New("panic"), row: 0, sure: true}, nil
		}
		return nil, nil
	}, func(row int, _ *death) bool {
		found = append(found, row)
		return true
	})
	if err != nil || unsure != 0 || !slices.Equal(found, []int{0}) {
		t.Errorf("found %v; %d unsure, %v", found, unsure, err)
	}
}
