package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Looking at files by several threads, block after block, finds what a plain walk finds.
func TestExpandManyFiles(t *testing.T) {
	root := t.TempDir()
	for i := range 2*block + enough + 7 {
		name := filepath.Join(root, fmt.Sprintf("f%05d", i))
		if i%100 == 0 { // folders between the files
			if err := os.Mkdir(name, 0o700); err != nil {
				t.Fatal(err)
			}
			name = filepath.Join(name, "in")
		}
		if err := os.WriteFile(name, make([]byte, i%13), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sizes := map[string]int64{}
	var want []string
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sizes[path] = info.Size()
			want = append(want, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	var got []string
	for o, err := range Expand(t.Context(), disk{}, []string{root}, func(w string) { t.Error(w) }) {
		if err != nil {
			t.Fatal(err)
		}
		if o.Size != sizes[o.URI] || o.Version != versionNow(t, o.URI) {
			t.Errorf("%s has %d bytes in version %s", o.URI, o.Size, o.Version)
		}
		got = append(got, o.URI)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d files, not %d, or in another order", len(got), len(want))
	}
}

// versionNow is the version of a file.
func versionNow(t *testing.T, path string) storage.Version {
	t.Helper()
	src, key, err := disk{}.Source(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := src.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return info.Version
}

// A file of /proc has bytes, and a size of 0: it is refused, not taken for empty.
func TestExpandRefusesAFalseSize(t *testing.T) {
	const name = "/proc/self/status"
	if st, err := os.Stat(name); err != nil || st.Size() != 0 {
		t.Log("there is no such file here") // what has no /proc has not its trap
		return
	}
	for o, err := range Expand(t.Context(), disk{}, []string{name}, nil) {
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v, %v", o, err)
		}
	}
}
