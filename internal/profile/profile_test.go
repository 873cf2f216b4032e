package profile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var sink []*int

func TestProfile(t *testing.T) {
	const made = 100_000
	path := filepath.Join(t.TempDir(), "it"+CPU)
	end, err := Start(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(filepath.Join(t.TempDir(), "second"+CPU)); err == nil {
		t.Error("a process has two CPU profiles at once")
	}
	for range made {
		sink = append(sink, new(int))
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	b, err := os.ReadFile(strings.TrimSuffix(path, CPU) + Allocs)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err != nil || n < made {
		t.Errorf("%q objects were counted, of %d: %v", b, made, err)
	}
	if _, err := Start(filepath.Join(t.TempDir(), "no", "folder"+CPU)); err == nil {
		t.Error("a profile without its folder")
	}
}
