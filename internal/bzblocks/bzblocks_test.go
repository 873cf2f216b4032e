package bzblocks

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"
)

func archiveOf(t testing.TB) (stored, text []byte) {
	t.Helper()
	stored, err := os.ReadFile("testdata/two.bz2") // two archives one after the other, of three blocks and two
	if err != nil {
		t.Fatal(err)
	}
	text, err = io.ReadAll(bzip2.NewReader(bytes.NewReader(stored)))
	if err != nil {
		t.Fatal(err)
	}
	return stored, text
}

// TestCutAnywhere: wherever an archive is cut in two, the halves together are its text, and so is the first with its rest.
func TestCutAnywhere(t *testing.T) {
	stored, text := archiveOf(t)
	cuts := map[int]bool{}
	for at := 0; at <= len(stored); at++ {
		first := NewReader(iotest.HalfReader(bytes.NewReader(stored)), 0, int64(at))
		a, err := io.ReadAll(first)
		if err != nil {
			t.Fatalf("cut at %d: %v", at, err)
		}
		if cuts[len(a)] { // as before: the whole is looked at where the cut is another
			continue
		}
		cuts[len(a)] = true
		b, err := io.ReadAll(NewReader(bytes.NewReader(stored[at:]), int64(at), int64(len(stored))))
		if err != nil || !bytes.Equal(append(bytes.Clone(a), b...), text) {
			t.Fatalf("cut at %d: %d and %d bytes of %d, %v", at, len(a), len(b), len(text), err)
		}
		first.Rest()
		rest, err := io.ReadAll(first)
		if err != nil || !bytes.Equal(rest, b) {
			t.Fatalf("cut at %d: %d bytes are left, not %d, %v", at, len(rest), len(b), err)
		}
	}
	if len(cuts) < 5 {
		t.Errorf("only %d different cuts", len(cuts))
	}
}

// TestDamage: a bit that is another gives an error or, after the last mark or before the first, changes nothing.
func TestDamage(t *testing.T) {
	stored, text := archiveOf(t)
	for i := 0; i < len(stored); i += 7 {
		bad := bytes.Clone(stored)
		bad[i] ^= 1 << (i % 8)
		got, err := io.ReadAll(NewReader(bytes.NewReader(bad), 0, int64(len(bad))))
		if err == nil && !bytes.Equal(got, text) {
			t.Fatalf("byte %d: %d bytes of other text and no error", i, len(got))
		}
	}
	for n := range len(stored) - 20 {
		if got, err := io.ReadAll(NewReader(bytes.NewReader(stored[:n]), 0, int64(n))); err == nil && !bytes.HasPrefix(text, got) {
			t.Fatalf("cut off at %d: no error, and other text", n)
		}
	}
	_, err := io.ReadAll(NewReader(io.LimitReader(zeros{}, 8<<20), 0, 8<<20))
	if !errors.Is(err, errNone) {
		t.Errorf("of 8 MiB without a block: %v", err)
	}
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
