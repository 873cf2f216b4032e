package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/ledger"
)

// TestScratchOfTheKilled: scratch whose worker is gone is removed by the next worker and by gc; that of one at work stays.
func TestScratchOfTheKilled(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("MRCTL_STORE", "")
	mine, leave, err := workerScratch("")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	base := filepath.Dir(filepath.Dir(mine))
	dead := filepath.Join(base, "worker-1", "work")
	if err := os.MkdirAll(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	for _, dir := range []string{filepath.Dir(mine), filepath.Dir(dead)} {
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, 0, "scratch/worker-1", "", "gc", "--dry-run")
	wants(t, 0, "its worker was killed", "", "gc")
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("the scratch of the dead is there: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("the scratch of the living is gone: %v", err)
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	wants(t, 0, "", "", "gc", "--store", t.TempDir(), "--dry-run")
}

// TestNamedScratchIsCleared: a worker that is started again finds nothing of the one that was killed.
func TestNamedScratchIsCleared(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "work", "jobs")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	_, leave, err := workerScratch(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}

// TestTrimPlugins: the newest runs keep the plugins of jobs that failed, older ones lose them and nothing else.
func TestTrimPlugins(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	root, err := home()
	if err != nil {
		t.Fatal(err)
	}
	made := time.Now()
	var ids []string
	for i := range 5 {
		id := ledger.NewJobID()
		dir := filepath.Join(root, "runs", id)
		if err := os.MkdirAll(filepath.Join(dir, "store", "plugins"), 0o700); err != nil {
			t.Fatal(err)
		}
		at := made.Add(-time.Duration(i) * time.Hour)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := trimPlugins(2); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		store := filepath.Join(root, "runs", id, "store")
		_, err := os.Stat(filepath.Join(store, "plugins"))
		if kept := err == nil; kept != (i < 2) {
			t.Errorf("run %d: its plugin is kept: %v (%v)", i, kept, err)
		}
		if _, err := os.Stat(store); err != nil {
			t.Errorf("run %d: %v", i, err)
		}
	}
}
