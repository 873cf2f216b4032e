package zframes

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// TestTable: what was written is read; anything else is no table or an error, never another one that does not add up.
func TestTable(t *testing.T) {
	var table Table
	table.Add(10, 100)
	table.Add(20, 0)
	table.Add(5, 7)
	body := table.Append(make([]byte, 35))
	got, err := Read(bytes.NewReader(body), int64(len(body)))
	if want := []Frame{{0, 0}, {10, 100}, {30, 100}}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
	for n := range body {
		if frames, err := Read(bytes.NewReader(body[:n]), int64(n)); err == nil {
			t.Errorf("of %d bytes: %v", n, frames)
		}
		bad := bytes.Clone(body)
		bad[n] ^= 0x41
		frames, err := Read(bytes.NewReader(bad), int64(len(bad)))
		if err == nil && (len(frames) != 3 || frames[2].Off > 35) {
			t.Errorf("byte %d: %v", n, frames)
		}
	}
	if _, err := Read(bytes.NewReader([]byte("only text, and long enough")), 26); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	var table Table
	table.Add(3, 4)
	f.Add(table.Append([]byte("abc")))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, err := Read(bytes.NewReader(b), int64(len(b)))
		if err == nil && len(frames) > len(b) {
			t.Errorf("%d frames of %d bytes", len(frames), len(b))
		}
	})
}
