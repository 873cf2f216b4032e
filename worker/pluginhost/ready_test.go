package pluginhost

import (
	"path/filepath"
	"testing"
)

func TestReady(t *testing.T) {
	var ready Ready
	offered := started(t, "")
	ready.Put("digest", self(), offered)
	h := New(Config{Ready: &ready})
	start := func(change func(*Spec)) *Process {
		t.Helper()
		s := spec(filepath.Join(t.TempDir(), "scratch"), "")
		s.Path, s.Digest = "", "digest"
		change(&s)
		p, err := h.Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		return p
	}
	if start(func(s *Spec) { s.Args = []string{"-mode=talk"} }) == offered || start(func(s *Spec) { s.Slots++ }) == offered {
		t.Error("a process that was started otherwise is taken")
	}
	if start(func(*Spec) {}) != offered {
		t.Error("another process is started")
	}
	again := start(func(*Spec) {})
	if again == offered {
		t.Error("a process is taken twice")
	}
	ready.Put("digest", self(), again)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if start(func(*Spec) {}) == again {
		t.Error("a dead process is taken")
	}
}

func TestNothingIsReady(t *testing.T) {
	var none *Ready
	for _, r := range []*Ready{none, {}} {
		if path, ok := r.path("digest"); ok || path != "" || r.take(Spec{Digest: "digest"}) != nil {
			t.Errorf("%v has something: %q", r, path)
		}
	}
}
