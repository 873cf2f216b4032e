package local

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A process whose clock is wrong stamps by the file system's, and two stamps still differ.
func TestStampsAreByTheFileSystemsClock(t *testing.T) {
	written := time.Date(2030, 1, 2, 3, 4, 5, 600, time.UTC)
	for by, want := range map[time.Duration]time.Duration{
		0: 0, 30 * time.Second: 30 * time.Second, -30 * time.Second: -30 * time.Second,
		time.Hour: 0, -time.Hour: 0, 40 * 24 * time.Hour: 0, -40 * 24 * time.Hour: 0,
	} {
		now := written.Add(by)
		got := stampOf(now, written)
		if d := got.Sub(written) - want; d.Abs() >= time.Second {
			t.Errorf("off by %v: stamped %v, written %v", by, got, written)
		}
		if next := stampOf(now.Add(tick), written); !next.After(got) {
			t.Errorf("off by %v: a later stamp is %v, the one before %v", by, next, got)
		}
	}
}

// A record is never stamped earlier than the version it replaces, whatever the clocks say.
func TestSealKeepsTheStampAfterThatOfTheVersionBefore(t *testing.T) {
	s, err := New(t.TempDir(), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	after := time.Now().Add(time.Hour)
	st, err := s.seal(f, after)
	if err != nil || !mtime(st).After(after) {
		t.Errorf("stamped %v after %v: %v", mtime(st), after, err)
	}
}
