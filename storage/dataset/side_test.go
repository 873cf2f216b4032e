package dataset

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/mrctl/mrctl/internal/errs"
)

func TestSides(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(bytes.Repeat([]byte("x"), 10_000)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	b := newBucket(map[string]string{"a/c.csv": strings.Repeat("code,name\n", 900_000), "z/words.txt.gz": packed.String(), "one/empty": "", "two/a": "1", "two/b": "2"})
	for uri, want := range map[string]struct {
		base string
		size int64
	}{"mem://b/a/c.csv": {"c.csv", 9_000_000}, "mem://b/z/words.txt.gz": {"words.txt", 10_000}, "mem://b/one": {"empty", 0}} {
		s, err := FindSide(t.Context(), b, "s", uri)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		n, err := CopySide(t.Context(), b, s, &out, want.size)
		if err != nil || s.Base() != want.base || n != want.size || int64(out.Len()) != want.size {
			t.Errorf("%s is %s of %d bytes (%v), want %+v", uri, s.Base(), n, err, want)
		}
		if want.size == 0 {
			continue
		}
		if _, err := CopySide(t.Context(), b, s, &out, want.size-1); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s, above the limit: %v", uri, err)
		}
		b.set(strings.TrimPrefix(s.File.URI, "mem://b/"), "another")
		if _, err := CopySide(t.Context(), b, s, &out, want.size); !errs.Is(err, errs.Conflict) {
			t.Errorf("%s, changed after the plan: %v", uri, err)
		}
	}
	if _, err := FindSide(t.Context(), b, "s", "mem://b/two"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "several files") {
		t.Errorf("a folder of two: %v", err)
	}
	if _, err := FindSide(t.Context(), b, "s", "mem://b/none"); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "side file s") {
		t.Errorf("one that is not there: %v", err)
	}
	for _, uri := range []string{"mem://b/..", "mem://b/x/.", "mem://b/.gz"} {
		if s := (Side{File: Piece{URI: uri, Codec: codecOf(uri, "")}}); s.Base() != "file" {
			t.Errorf("%s is written to %q", uri, s.Base())
		}
	}
}
