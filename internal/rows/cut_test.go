package rows

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDrop: whatever rows are taken out, the others keep their bytes and their places.
func TestDrop(t *testing.T) {
	type row struct {
		text, object string
		off          int64
	}
	list := func(r *Records) (out []row) {
		for i := range r.Len() {
			object, off, ok := r.Where(i)
			if !ok {
				t.Fatalf("row %d has no place", i)
			}
			out = append(out, row{string(r.Data[r.Off[i]:r.Off[i+1]]), object, off})
		}
		return out
	}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := &Records{Off: []int32{0}}
		for object := range 1 + rng.IntN(3) {
			b.Origins = append(b.Origins, Origin{Row: b.Len(), Object: fmt.Sprint(object), Offset: rng.Int64N(1000), Gap: rng.IntN(3)})
			for range 1 + rng.IntN(4) {
				b.Data = append(b.Data, "abcdefgh"[:rng.IntN(8)]...)
				b.Off = append(b.Off, int32(len(b.Data)))
			}
		}
		want := list(b)
		for b.Len() > 0 {
			i := rng.IntN(b.Len())
			b.Drop(i)
			want = slices.Delete(want, i, i+1)
			if got := list(b); !slices.Equal(got, want) {
				t.Fatalf("seed %d, without row %d:\n%v\nwant\n%v", seed, i, got, want)
			}
		}
	}
}

func TestSlice(t *testing.T) {
	b := &Records{Data: []byte("aabbbcdd"), Off: []int32{0, 2, 5, 6, 8}, Terminated: true}
	s := b.Slice(1, 3)
	if string(s.Data) != "bbbc" || !slices.Equal(s.Off, []int32{0, 3, 4}) || !s.Terminated {
		t.Errorf("%q %v", s.Data, s.Off)
	}
	s.Data[0] = 'x'
	if string(b.Data) != "aabbbcdd" {
		t.Error("it shares memory")
	}
}
