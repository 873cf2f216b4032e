package worker

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
)

// oneFile is a source of a single file, which cannot be opened the first few times.
type oneFile struct {
	storage.Source
	text         string
	opens, fails atomic.Int64
	gone         atomic.Bool // it is not there any more
}

// places finds it wherever it is looked for.
type places struct{ *oneFile }

func (p places) Source(string) (storage.Source, string, error) { return p.oneFile, "words.txt", nil }
func (p places) Output(string) (storage.Store, error)          { return nil, errors.New("nothing is written") }

func (f *oneFile) Open(_ context.Context, key string, off, n int64, v storage.Version) (io.ReadCloser, storage.Info, error) {
	f.opens.Add(1)
	if f.fails.Add(-1) >= 0 {
		return nil, storage.Info{}, errs.New(errs.Unavailable, "not now")
	}
	if f.gone.Load() {
		return nil, storage.Info{}, storage.Fail("open", key, storage.ErrNotExist)
	}
	return io.NopCloser(strings.NewReader(f.text[off : off+n])), storage.Info{Key: key, Size: int64(len(f.text)), Version: v}, nil
}

// TestSidesAreBroughtOnce asks for a job's side file many times at once, and holds it to be read once; a failure is the
// asker's own and the next one tries again.
func TestSidesAreBroughtOnce(t *testing.T) {
	file := &oneFile{text: "to be\n"}
	a := &Agent{cfg: Config{Resolver: places{file}}, log: zap.NewNop()}
	j := &job{id: "j", scratch: t.TempDir(), files: newSideFiles()}
	if sides, err := a.sides(t.Context(), j); err != nil || sides != nil {
		t.Errorf("a job without side files has %v (%v)", sides, err)
	}
	j.head.Sides = []dataset.Side{{Name: "words", File: dataset.Piece{URI: "mem://b/words.txt", Size: 6, Len: 6, Version: "1"}}}
	file.fails.Store(1)
	if _, err := a.sides(t.Context(), j); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a store that fails: %v", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			sides, err := a.sides(t.Context(), j)
			if err != nil || len(sides) != 1 || sides[0].GetName() != "words" {
				t.Errorf("%v (%v)", sides, err)
				return
			}
			if b, err := os.ReadFile(sides[0].GetPath()); err != nil || string(b) != "to be\n" {
				t.Errorf("%q (%v)", b, err)
			}
		})
	}
	wg.Wait()
	if n := file.opens.Load(); n != 2 {
		t.Errorf("it was opened %d times, want once in vain and once", n)
	}
}

// TestSideVanishes: a side file that is gone since the job was planned fails the job for good, and by name, on a worker that has
// not brought it; one that has goes on with what it brought.
func TestSideVanishes(t *testing.T) {
	file := &oneFile{text: "to be\n"}
	a := &Agent{cfg: Config{Resolver: places{file}}, log: zap.NewNop()}
	asked := func() *job {
		j := &job{id: "j", scratch: t.TempDir(), files: newSideFiles()}
		j.head.Sides = []dataset.Side{{Name: "words", File: dataset.Piece{URI: "mem://b/words.txt", Size: 6, Len: 6, Version: "1"}}}
		return j
	}
	early := asked()
	if _, err := a.sides(t.Context(), early); err != nil {
		t.Fatal(err)
	}
	file.gone.Store(true)
	if sides, err := a.sides(t.Context(), early); err != nil || len(sides) != 1 {
		t.Errorf("what was brought is %v (%v)", sides, err)
	}
	_, err := a.sides(t.Context(), asked())
	if err == nil || !strings.Contains(err.Error(), "side file words") || !strings.Contains(err.Error(), "mem://b/words.txt") || errs.Is(err, errs.Unavailable) {
		t.Errorf("one that has vanished: %v", err)
	}
}
