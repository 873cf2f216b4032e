package runs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

// TestCopy: a copy is the file, its end is enough to find the sections, and no flipped bit is copied unnoticed.
func TestCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const parts = 5
	info := write(t, parts, Options{Block: 200, Digest: SumPairs}, some(r, 40, parts))
	want, err := os.ReadFile(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Open(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close() // only read
	var got bytes.Buffer
	if err := whole.CopyTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Fatalf("copied %d bytes of %d: %v", got.Len(), len(want), err)
	}
	index, err := OpenIndex("elsewhere", int64(len(want)), want[len(want)-int(IndexSize(parts)):])
	if err != nil || index.Totals() != whole.Totals() || index.Partitions() != parts {
		t.Fatalf("the end alone: %+v, %v", index, err)
	}
	for part := range parts {
		a, err := whole.Section(part)
		b, err2 := index.Section(part)
		if err != nil || err2 != nil || a.Off != b.Off || a.Len != b.Len || a.Totals != b.Totals {
			t.Errorf("partition %d: %+v, %v; by the end alone %+v, %v", part, a, err, b, err2)
		}
	}
	if _, err := OpenIndex("elsewhere", int64(len(want)), want[len(want)-footerSize+1:]); !errs.Is(err, errs.Corrupt) {
		t.Errorf("less than the footer: %v", err)
	}
	if err := whole.CopyTo(&full{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("copied to where there is no room: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	for at := range want {
		b := bytes.Clone(want)
		b[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(bad)
		if err == nil {
			err = f.CopyTo(&got)
			f.Close() // only read
		}
		if !errs.Is(err, errs.Corrupt) {
			t.Fatalf("byte %d flipped: %v", at, err)
		}
	}
}
