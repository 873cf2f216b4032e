package bzblocks

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"os"
	"slices"
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

// starts lists the bits at which the blocks begin that a reader would read, which it does not.
func starts(t testing.TB, r *Reader) (list []int64) {
	t.Helper()
	err := r.find()
	for ; err == nil; err = r.find() {
		list = append(list, r.next)
		r.block = nil
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	return list
}

// TestCutAnywhere: at whatever byte an archive is cut in two, the halves have each block once; and where other blocks are in
// them than before, their text together is that of the archive, and so is that of the first with its rest.
func TestCutAnywhere(t *testing.T) {
	stored, text := archiveOf(t)
	size := int64(len(stored))
	all := starts(t, NewReader(bytes.NewReader(stored), 0, size))
	if len(all) != 5 {
		t.Fatalf("blocks begin at %v", all)
	}
	before := -1
	for at := range size + 1 {
		a := starts(t, NewReader(bytes.NewReader(stored), 0, at))
		if b := starts(t, NewReader(bytes.NewReader(stored[at:]), at, size)); !slices.Equal(slices.Concat(a, b), all) {
			t.Fatalf("cut at %d: blocks at %v and %v, not %v", at, a, b, all)
		}
		if len(a) == before {
			continue
		}
		before = len(a)
		first := NewReader(iotest.HalfReader(bytes.NewReader(stored)), 0, at)
		x, err := io.ReadAll(first)
		if err != nil {
			t.Fatalf("cut at %d: %v", at, err)
		}
		y, err := io.ReadAll(NewReader(bytes.NewReader(stored[at:]), at, size))
		if err != nil || !bytes.Equal(append(bytes.Clone(x), y...), text) {
			t.Fatalf("cut at %d: %d and %d bytes of %d, %v", at, len(x), len(y), len(text), err)
		}
		first.Rest()
		rest, err := io.ReadAll(first)
		if err != nil || !bytes.Equal(rest, y) {
			t.Fatalf("cut at %d: %d bytes are left, not %d, %v", at, len(rest), len(y), err)
		}
	}
}

// TestDamage: a bit that is another gives an error or, after the last mark or before the first, changes nothing.
func TestDamage(t *testing.T) {
	stored, text := archiveOf(t)
	for i := 0; i < len(stored); i += 31 {
		bad := bytes.Clone(stored)
		bad[i] ^= 1 << (i % 8)
		got, err := io.ReadAll(NewReader(bytes.NewReader(bad), 0, int64(len(bad))))
		if err == nil && !bytes.Equal(got, text) {
			t.Fatalf("byte %d: %d bytes of other text and no error", i, len(got))
		}
	}
	for n := 0; n < len(stored)-20; n += 29 {
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
