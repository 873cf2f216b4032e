package output

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/tsv"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

// put makes an object of a body.
func put(t *testing.T, body string) storage.Store {
	t.Helper()
	s := mem.New()
	if _, err := s.PutIf(t.Context(), "part", []byte(body), ""); err != nil {
		t.Fatal(err)
	}
	return s
}

// What is read of Parquet and Arrow is what tsv has of the same rows; what is read of text is the text.
func TestReadsBack(t *testing.T) {
	rows := extremes(t)
	batches := []arrow.RecordBatch{rows, rows.NewSlice(1, 3), rows.NewSlice(0, 0)}
	want := written(t, TSV, batches...)
	for _, f := range []Format{Parquet, Arrow} {
		s := put(t, written(t, f, batches...))
		var got []byte
		if err := ReadBatches(t.Context(), s, "part", f, func(b arrow.RecordBatch) error { got = tsv.Append(got, b); return nil }); err != nil {
			t.Error(err)
		}
		if string(got) != want {
			t.Errorf("%s: other rows", f)
		}
		stop := errors.New("enough")
		if err := ReadBatches(t.Context(), s, "part", f, func(arrow.RecordBatch) error { return stop }); err != stop {
			t.Errorf("%s: %v", f, err)
		}
		if err := ReadBatches(t.Context(), put(t, "no such file"), "part", f, nil); !errs.Is(err, errs.Corrupt) {
			t.Errorf("%s: %v", f, err)
		}
	}
	for _, f := range []Format{TSV, "tsv.gz", "tsv.zst"} {
		r, err := ReadText(t.Context(), put(t, written(t, f, batches...)), "part", f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, want %d, %v", f, len(got), len(want), err)
		}
	}
	if _, err := ReadText(t.Context(), put(t, strings.Repeat("x", 99)), "part", "tsv.gz"); !errs.Is(err, errs.Corrupt) {
		t.Errorf("%v", err)
	}
}

// failing is a store whose objects can be found, and not opened from some time on.
type failing struct {
	storage.Store
	left int // opens that go well
}

func (f *failing) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	if f.left--; f.left < 0 {
		return nil, storage.Info{}, storage.Fail("open", key, errs.New(errs.Unavailable, "the store is away"))
	}
	return f.Store.Open(ctx, key, off, n)
}

// What keeps a part from being read is no damage of it.
func TestReadErrorsAreNoDamage(t *testing.T) {
	for _, f := range []Format{Parquet, Arrow} {
		body := written(t, f, extremes(t))
		for left := range 3 {
			err := ReadBatches(t.Context(), &failing{put(t, body), left}, "part", f, func(arrow.RecordBatch) error { return nil })
			if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "part") {
				t.Errorf("%s, after %d: %v", f, left, err)
			}
		}
	}
}
