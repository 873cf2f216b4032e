package gc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/coordinator/gc"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/local"
)

// TestLeftovers: the temporary files of killed writers go from a folder when they are old, but not those of live jobs.
func TestLeftovers(t *testing.T) {
	root := t.TempDir()
	store, err := local.New(root, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	live := ledger.NewJobID()
	if _, err := store.PutIf(t.Context(), ledger.JobKey(live), []byte(`{"v":1,"id":"`+live+`","phase":"running"}`), ""); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"plugins/one", "plugins/two", ledger.JobPrefix + live + "/runs/a"} {
		w, err := store.Create(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Stage(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	age := func(pattern string) {
		list, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", pattern, list, err)
		}
		then := time.Now().Add(-25 * time.Hour)
		if err := os.Chtimes(list[0], then, then); err != nil {
			t.Fatal(err)
		}
	}
	age("plugins/.mrctl-one-*")
	age("jobs/*/runs/.mrctl-a-*")
	for item, err := range gc.Find(t.Context(), gc.Config{Store: store, Places: newWorld(t)}) {
		if err != nil {
			t.Fatal(err)
		}
		if item.Kind != gc.Leftover || item.Objects != 1 {
			t.Errorf("found %+v", item)
		}
		if err := item.Remove(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	for p, err := range store.Temporary(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, strings.ReplaceAll(p.Key, live, "ID"))
	}
	if got := strings.Join(left, " "); got != "jobs/ID/runs/a plugins/two" {
		t.Errorf("left are %s", got)
	}
}
