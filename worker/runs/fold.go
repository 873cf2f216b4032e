package runs

import (
	"bytes"

	"github.com/mrctl/mrctl/internal/budget"
)

// FoldFunc folds an encoded value into an accumulator, in place where it can, and gives the accumulator.
type FoldFunc func(acc, val []byte) []byte

// folded folds the values of equal keys that follow each other.
type folded struct {
	in     Stream
	fold   FoldFunc
	memory *budget.Budget
	held   int64

	// cur is the group being folded, out the one handed out last; they trade places.
	cur, out Pair
	begun    bool
	ended    bool
}

// Fold makes one pair of each run of equal keys in a stream. It copies the first pair of each group, because a fold
// writes into it; nothing is allocated once its buffers have grown. What it holds of memory is given back at the end.
func Fold(in Stream, fold FoldFunc, memory *budget.Budget) Stream {
	return &folded{in: in, fold: fold, memory: memory}
}

// Next gives the next group.
func (f *folded) Next() (*Pair, error) {
	for !f.ended {
		p, err := f.in.Next()
		if err != nil {
			return nil, err
		}
		switch {
		case p == nil:
			f.ended = true
			if f.begun {
				return &f.cur, nil
			}
		case !f.begun:
			f.begun = true
			f.start(p)
		case p.Part == f.cur.Part && bytes.Equal(p.Key, f.cur.Key):
			f.cur.Val = f.fold(f.cur.Val, p.Val)
		default:
			f.cur, f.out = f.out, f.cur
			f.start(p)
			return &f.out, nil
		}
	}
	f.cur, f.out = Pair{}, Pair{}
	f.count()
	return nil, nil
}

func (f *folded) start(p *Pair) {
	f.cur.Part = p.Part
	f.cur.Key = append(f.cur.Key[:0], p.Key...)
	f.cur.Val = append(f.cur.Val[:0], p.Val...)
	f.count()
}

func (f *folded) count() {
	held := int64(cap(f.cur.Key) + cap(f.cur.Val) + cap(f.out.Key) + cap(f.out.Val))
	if held != f.held {
		f.memory.Take(held - f.held)
		f.held = held
	}
}
