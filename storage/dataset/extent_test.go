package dataset

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// upTo reads a split until it has given some batches, and then says where it is.
func upTo(t *testing.T, b *bucket, s Split, opt Options, tune tuning, batches int) (got []record, at Place, read int64, ok bool) {
	t.Helper()
	r, err := open(t.Context(), b, s, opt, tune)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range batches {
		rec, err := r.Next(t.Context())
		if err == io.EOF {
			return got, Place{}, 0, false
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range rec.Len() {
			object, off, _ := rec.Where(i)
			got = append(got, record{text: string(rec.Data[rec.Off[i]:rec.Off[i+1]]), object: object, off: off})
		}
	}
	at, read, ok = r.Place()
	return got, at, read, ok
}

// TestTailsAtEveryBatch: what a reader has given and what a split gives from its place on are what the split gives, in any
// format, wherever it stops, and however the rest is shared out.
func TestTailsAtEveryBatch(t *testing.T) {
	text := "one\ntwo two\r\n\n\nthree three three\nx\nthe last of it, which is long and has no end"
	b := newBucket(map[string]string{"a": text, "b": "", "c": "12345678", "d.gz": gzipped(t, "in\nan\narchive\n"), "e": "last\n"})
	for _, format := range []string{"lines", "files", "records:4"} {
		names := []string{"a", "b", "d.gz", "e", "a"}
		if format == "records:4" {
			names = []string{"c", "b", "c", "c"}
		}
		var objects []Object
		for _, n := range names {
			objects = append(objects, b.object(t, n))
		}
		cuts := 0
		for _, size := range []int64{5, 17, 1 << 20} {
			for _, s := range planAll(t, PlanOptions{Format: format, SplitSize: size}, objects...) {
				for _, batch := range []int{1, 4, 9, 64} {
					opt, tune := Options{Format: format, Batch: batch}, tuning{chunk: 7, step: 3, slack: 2}
					want, err := readAll(t, b, s, opt, tune)
					if err != nil {
						t.Fatal(err)
					}
					for n := range len(want) + 2 {
						got, at, read, ok := upTo(t, b, s, opt, tune, n)
						if !ok || n == 0 {
							continue
						}
						cuts++
						whole := Extent{}
						if !whole.Holds(at) {
							t.Fatalf("%s: %v is no place to cut", format, at)
						}
						head := s.Between(Place{}, at)
						if head.Bytes != read || head.Check() != nil {
							t.Fatalf("%s up to %v: %d bytes were read of %d (%v)", format, at, read, head.Bytes, head.Check())
						}
						again, err := readAll(t, b, head, opt, tune)
						if err != nil || !slices.Equal(again, got) {
							t.Fatalf("%s up to %v: again %v, %v; at first %v", format, at, again, err, got)
						}
						for ways := range 4 {
							places := append(append([]Place{at}, s.Shares(at, Place{}, format, ways)...), Place{})
							if len(places) > max(ways, 1)+1 {
								t.Errorf("%s: %d shares for %d", format, len(places)-1, ways)
							}
							all := slices.Clone(got)
							for i := range places[1:] {
								part := s.Between(places[i], places[i+1])
								rest, err := readAll(t, b, part, opt, tune)
								if err != nil || part.Bytes == 0 && len(rest) == 0 && i > 0 {
									t.Fatalf("%s between %v: %v, %v", format, places, part, err)
								}
								all = append(all, rest...)
							}
							if !slices.Equal(all, want) {
								t.Fatalf("%s of %v, cut at %v: %v, want %v", format, s, places, all, want)
							}
						}
					}
				}
			}
		}
		if cuts < 10 {
			t.Errorf("%s was cut at %d places only", format, cuts)
		}
	}
}

// TestExtentsCoverEachSplitOnce: whatever is cut from what, the extents of a planned task's split lie end to end.
func TestExtentsCoverEachSplitOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maps := rapid.IntRange(1, 3).Draw(t, "maps")
		all := Extents(maps, nil)
		var tails []Tail
		for range rapid.IntRange(0, 12).Draw(t, "tails") {
			of := rapid.IntRange(0, len(all)-1).Draw(t, "of")
			at := Place{Piece: rapid.IntRange(0, 2).Draw(t, "piece"), Offset: rapid.Int64Range(0, 50).Draw(t, "offset")}
			if !all[of].Holds(at) {
				continue
			}
			tails = append(tails, Tail{Of: of, At: at})
			if all = Extents(maps, tails); len(all) != maps+len(tails) {
				t.Fatalf("%d extents of %d tasks and %d tails", len(all), maps, len(tails))
			}
		}
		for task := range maps {
			var of []Extent
			for _, e := range all {
				if e.Task == task {
					of = append(of, e)
				}
			}
			slices.SortFunc(of, func(a, b Extent) int {
				if a.From.before(b.From) {
					return -1
				}
				return 1
			})
			if of[0].From != (Place{}) || of[len(of)-1].To != (Place{}) {
				t.Fatalf("an end of task %d is nobody's: %v", task, of)
			}
			for i := range of[1:] {
				if of[i].To != of[i+1].From {
					t.Fatalf("task %d: %v does not meet %v", task, of[i], of[i+1])
				}
			}
		}
	})
	for _, bad := range [][]Tail{{{Of: 2, At: Place{Offset: 1}}}, {{Of: -1, At: Place{Offset: 1}}}, {{Of: 0}}} {
		if got := Extents(2, bad); got != nil {
			t.Errorf("%v gives %v", bad, got)
		}
	}
	if got := fmt.Sprint(Extents(0, nil)); got != "[]" {
		t.Errorf("extents of nothing: %s", got)
	}
}
