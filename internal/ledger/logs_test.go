package ledger

import (
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage/mem"
)

func TestLogsAreFoundByTaskAndAttempt(t *testing.T) {
	store := mem.New()
	for _, l := range []struct {
		phase   TaskPhase
		task    int
		attempt int32
	}{{Map, 1, 0}, {Map, 1, 12}, {Map, 11, 0}, {Reduce, 1, 0}} {
		key := LogKey("j", 0, l.phase, l.task, l.attempt)
		if _, err := store.PutIf(t.Context(), key, []byte(key), ""); err != nil {
			t.Fatal(err)
		}
	}
	for of, want := range map[string][]string{
		"": {"map/1.0", "map/1.12", "map/11.0", "reduce/1.0"}, "map/1": {"map/1.0", "map/1.12"}, "map/1.1": nil, "map/1.12": {"map/1.12"}, "reduce/1": {"reduce/1.0"},
	} {
		var got []string
		for l, err := range Logs(t.Context(), store, "j", of) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, l.Name)
		}
		if len(got) != len(want) {
			t.Errorf("%q: %v, want %v", of, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%q: %v, want %v", of, got, want)
			}
		}
	}
	for _, err := range Logs(t.Context(), store, "j", "mapp/1") {
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("mapp/1: %v", err)
		}
	}
}
