package runs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

// open says how many files below dir this process has open.
func open(t *testing.T, dir string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not tell open files: ", err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && filepath.Dir(to) == dir {
			n++
		}
	}
	return n
}

// shelfOf makes runs in a folder and a shelf for some of them.
func shelfOf(t *testing.T, most, n, parts int) (s *Shelf, dir string, in [][]row) {
	t.Helper()
	dir = t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		in = append(in, some(r, 200, parts))
		if _, err := WriteRun(t.Context(), filepath.Join(dir, fmt.Sprint(i)), parts, Options{}, &list{rows: in[i]}); err != nil {
			t.Fatal(err)
		}
	}
	return NewShelf(most), dir, in
}

// What is read through a shelf is what is read without one, by many readers at once and with too little room for all.
func TestShelf(t *testing.T) {
	const n, parts = 8, 5
	for _, most := range []int{1, 3, n} {
		s, dir, in := shelfOf(t, most, n, parts)
		var readers sync.WaitGroup
		for part := range parts {
			readers.Go(func() {
				var ranges []Range
				var want []row
				for i := range n {
					r, err := s.Section(filepath.Join(dir, fmt.Sprint(i)), part)
					if err != nil {
						t.Error(err)
						return
					}
					ranges = append(ranges, r)
					for _, x := range in[i] {
						if x.part == part {
							want = append(want, x)
						}
					}
				}
				m := NewMerge(ranges, nil)
				defer m.Close()
				var got []row
				for {
					p, err := m.Next()
					if err != nil {
						t.Error(err)
						return
					}
					if p == nil {
						break
					}
					got = append(got, row{p.Part, string(p.Key), string(p.Val)})
				}
				slices.SortFunc(got, exact)
				slices.SortFunc(want, exact)
				if !slices.Equal(got, want) {
					t.Errorf("partition %d: other rows through a shelf for %d", part, most)
				}
			})
		}
		readers.Wait()
		if left := open(t, dir); left != most {
			t.Errorf("%d files are kept open on a shelf for %d", left, most)
		}
		s.Drop(dir)
		if left := open(t, dir); left != 0 {
			t.Errorf("%d files are still open", left)
		}
	}
}

func TestShelfKeepsTheLatest(t *testing.T) {
	s, dir, _ := shelfOf(t, 2, 3, 1)
	take := func(i int) Range {
		t.Helper()
		r, err := s.Section(filepath.Join(dir, fmt.Sprint(i)), 0)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := take(0)
	second := take(1)
	if full := take(2); full.File != nil || full.Done != nil || full.Path == "" {
		t.Errorf("%+v: where all files are in use another is left to its reader", full)
	}
	first.Done()
	again := take(0)
	again.Done()
	second.Done()
	take(2).Done() // in the place of the first: nobody has asked for it for longer
	if third := take(1); third.File != second.File {
		t.Error("the file used last was closed")
	} else {
		third.Done()
	}
	if other := take(0); other.File == first.File {
		t.Error("the file used first is still open")
	} else {
		other.Done()
	}
}

// A file that is dropped under its readers is theirs to the end.
func TestShelfDropsUnderReaders(t *testing.T) {
	s, dir, in := shelfOf(t, 2, 1, 1)
	path := filepath.Join(dir, "0")
	r, err := s.Section(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Drop(dir[:len(dir)-1]) // another folder
	s.Drop(dir)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Section(path, 0); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a run that is gone: %v", err)
	}
	m := NewMerge([]Range{r}, nil)
	if got := readAll(t, m); !slices.Equal(got, in[0]) {
		t.Error("other rows")
	}
	m.Close()
	if left := open(t, dir); left != 0 {
		t.Errorf("%d files are still open", left)
	}
	if _, err := s.Section(filepath.Join(dir, "none"), 7); err == nil {
		t.Error("no such run")
	}
}
