package mem_test

import (
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return mem.New() })
}

// A key that is a folder of another would not fit on a file system; the reference store refuses it as folders do.
func TestKeyIsNoFolder(t *testing.T) {
	s := mem.New()
	if _, err := s.PutIf(t.Context(), "a/b", nil, ""); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "a/b/c"} {
		if _, err := s.PutIf(t.Context(), key, nil, ""); !errs.Is(err, errs.Invalid) {
			t.Errorf("PutIf(%s) beside a/b: %v", key, err)
		}
	}
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIf(t.Context(), "a", nil, ""); err != nil {
		t.Errorf("PutIf(a) once a/b is gone: %v", err)
	}
}
