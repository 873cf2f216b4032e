package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/storagetest"
)

func open(t *testing.T, root string, opts local.Options) *local.Store {
	t.Helper()
	s, err := local.New(root, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storagetest.RunPair(t, func(t *testing.T) (a, b storage.Store) {
		root := filepath.Join(t.TempDir(), "not", "yet", "there")
		return open(t, root, local.Options{}), open(t, root, local.Options{})
	})
}

func TestContractNoSync(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return open(t, t.TempDir(), local.Options{NoSync: true}) })
}

func TestSource(t *testing.T) {
	storagetest.RunSource(t, func(t *testing.T) (storage.Source, func(string, []byte)) {
		root := t.TempDir()
		src, err := local.NewSource(root)
		if err != nil {
			t.Fatal(err)
		}
		return src, func(key string, body []byte) { write(t, root, key, body) }
	})
}

// write puts a file the way a user's program would.
func write(t *testing.T, root, key string, body []byte) {
	t.Helper()
	path := filepath.Join(root, key)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o666); err != nil {
		t.Fatal(err)
	}
}
