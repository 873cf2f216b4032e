package budget

import (
	"sync"
	"testing"
)

func TestBudget(t *testing.T) {
	whole := New(100)
	part := whole.Part(60)
	if !part.Try(60) || part.Try(1) {
		t.Fatal("a part is held to its own limit")
	}
	if whole.Used() != 60 || whole.Try(41) || !whole.Try(40) {
		t.Fatal("a part counts in the whole")
	}
	part.Take(30) // what must be had is counted, not refused
	if part.Used() != 90 || whole.Peak() != 130 {
		t.Fatalf("part %d, peak of the whole %d", part.Used(), whole.Peak())
	}
	part.Give(90)
	whole.Give(40)
	if part.Used() != 0 || whole.Used() != 0 || whole.Peak() != 130 || part.Peak() != 90 {
		t.Fatal("giving back does not come out even")
	}
	var none *Budget
	none.Take(5)
	none.Give(5)
	if !none.Try(1<<40) || none.Used() != 0 || none.Peak() != 0 || !none.Part(3).Try(3) || none.Part(3).Try(4) {
		t.Fatal("a nil budget counts nothing and refuses nothing; its parts do")
	}
}

func TestConcurrent(t *testing.T) {
	b := New(10)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if b.Try(3) {
					b.Give(3)
				}
			}
		})
	}
	wg.Wait()
	if b.Used() != 0 || b.Peak() > 10 {
		t.Fatalf("used %d, peak %d", b.Used(), b.Peak())
	}
}
