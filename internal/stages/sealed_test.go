package stages

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

// flipping is a store that gives some reads with a bit that is another.
type flipping struct {
	*mem.Store
	bad func(read int) bool
	n   int
}

func (f *flipping) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	r, info, err := f.Store.Open(ctx, key, off, n)
	if f.n++; err != nil || !f.bad(f.n) {
		return r, info, err
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err == nil && len(b) > 0 {
		b[len(b)/2] ^= 1
	}
	return io.NopCloser(bytes.NewReader(b)), info, err
}

const aJob = "01234567-89ab-7def-8123-456789abcdef"

// written is a part between two stages, in a store that may flip bits, as a source.
func written(t *testing.T, body []byte) (*flipping, storage.Source, string) {
	t.Helper()
	store := &flipping{Store: mem.New(), bad: func(int) bool { return false }}
	out, err := Output(store, spec.Job{Then: [][]byte{nil}}, aJob, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := out.Create(t.Context(), "part-00000.arrow", nil)
	if err != nil {
		t.Fatal(err)
	}
	for rest := body; len(rest) > 0; {
		n, err := w.Write(rest[:min(len(rest), 1+rand.IntN(100_000))])
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	token, err := w.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Publish(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	src, key, err := Sources(store, nil).Source("stage://" + aJob + "/0/part-00000.arrow")
	if err != nil {
		t.Fatal(err)
	}
	return store, src, key
}

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// TestRowsComeAsTheyWere: any range of a part is what was written, though every second read has a wrong bit.
func TestRowsComeAsTheyWere(t *testing.T) {
	for _, size := range []int{0, 1, sumSize, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 7} {
		body := random(size)
		store, src, key := written(t, body)
		for info, err := range src.List(t.Context(), "", "") {
			if err != nil || info.Size != int64(size) || info.Key != key {
				t.Errorf("%d bytes are listed as %+v, %v", size, info, err)
			}
		}
		info, err := src.Stat(t.Context(), key)
		if err != nil || info.Size != int64(size) {
			t.Fatalf("%d bytes are %+v, %v", size, info, err)
		}
		store.bad = func(read int) bool { return read%2 == 1 }
		for range 50 {
			off, n := rand.Int64N(int64(size)+3), rand.Int64N(int64(size)+3)-1
			want := body[min(off, int64(size)):]
			if n >= 0 {
				want = want[:min(n, int64(len(want)))]
			}
			r, about, err := src.Open(t.Context(), key, off, n, info.Version)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) || about.Size != int64(size) {
				t.Fatalf("%d bytes from %d of %d: %d bytes, %+v, %v", n, off, size, len(got), about, err)
			}
		}
	}
}

// TestRowsThatStayWrong: a part that is wrong each time is none, and the store that gives it is as good as away.
func TestRowsThatStayWrong(t *testing.T) {
	store, src, key := written(t, random(100))
	store.bad = func(int) bool { return true }
	r, _, err := src.Open(t.Context(), key, 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if len(b) > 0 || !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "part-00000.arrow") {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if store.n != readTries {
		t.Errorf("it was read %d times", store.n)
	}
}

// TestRecordsLieAsTheyAre: what is no part is not in blocks.
func TestRecordsLieAsTheyAre(t *testing.T) {
	store, _, _ := written(t, nil)
	out, err := Output(store, spec.Job{Then: [][]byte{nil}}, aJob, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := out.Create(t.Context(), "_mrctl-bad/map-00000.jsonl", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	token, err := w.Stage(t.Context())
	if err == nil {
		_, err = out.Publish(t.Context(), token)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := store.Get(t.Context(), ledger.StageFolder(aJob, 0)+"/_mrctl-bad/map-00000.jsonl")
	if err != nil || string(b) != "{}\n" {
		t.Errorf("%q, %v", b, err)
	}
}
