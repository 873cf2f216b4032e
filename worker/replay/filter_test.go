package replay

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/worker/runs"
)

func TestKept(t *testing.T) {
	keys := &boundary.Pairs{}
	for i := range 100 {
		keys.Append(fmt.Appendf(nil, "%02d", i), nil)
	}
	kept := func(b *boundary.Pairs, keep func(*boundary.Pairs, int) bool) (all []int) {
		for i := range b.Len() {
			if keep(b, i) {
				all = append(all, i)
			}
		}
		return all
	}
	var hashed []int
	for i := range 100 {
		if codec.Partition(keys.Key(i), 3) == 1 {
			hashed = append(hashed, i)
		}
	}
	if got := kept(keys, ofPartition(1, 3)); !slices.Equal(got, hashed) || len(got) == 0 || len(got) == 100 {
		t.Errorf("of hashes: %v", got)
	}
	sorted := *keys
	sorted.Sorted, sorted.Partition = true, 1
	if a, b := kept(&sorted, ofPartition(1, 3)), kept(&sorted, ofPartition(2, 3)); len(a) != 100 || len(b) != 0 {
		t.Errorf("of a sorted batch %d pairs are kept in its partition, and %d in another", len(a), len(b))
	}
	given := *keys
	given.Parts = make([]int32, 100)
	given.Parts[7], given.Parts[8], given.Parts[9] = 1, 3, -1 // the last two are none: the engine is to see them
	if got := kept(&given, ofPartition(1, 3)); !slices.Equal(got, []int{7, 8, 9}) {
		t.Errorf("of the job's own partitions: %v", got)
	}
	if got := kept(keys, ofSpan(&runs.Span{Low: []byte("03"), High: []byte("06")})); !slices.Equal(got, []int{3, 4, 5}) {
		t.Errorf("of a span: %v", got)
	}
	if got := kept(keys, ofSpan(&runs.Span{Low: []byte("98")})); !slices.Equal(got, []int{98, 99}) {
		t.Errorf("of the last span: %v", got)
	}
}
