package local

import (
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

// The kernel's answer is put in by hand: a test has no network file system at hand.
func TestNetworkFileSystemIsRefused(t *testing.T) {
	s, err := New(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.probed, s.shared = true, "NFS"
	_, err = s.PutIf(t.Context(), "k", nil, "")
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "NFS") || !strings.Contains(err.Error(), "s3://") {
		t.Errorf("PutIf: %v", err)
	}
	w, err := s.Create(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), token); err != nil {
		t.Errorf("Publish needs no lock: %v", err)
	}
}

func TestNetworkFS(t *testing.T) {
	for _, path := range []string{t.TempDir(), t.TempDir() + "/not/yet/there", "/"} {
		if kind, err := networkFS(path); err != nil || kind != "" {
			t.Errorf("networkFS(%s) = %q, %v", path, kind, err)
		}
	}
}
