package ledger_test

import (
	"encoding/json"
	"testing"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/mem"
)

// A history is put together of the pieces of all leaders, in order, each event once, whether or not the job has ended.
func TestHistoryOfSeveralLeaders(t *testing.T) {
	store, id := mem.New(), ledger.NewJobID()
	put := func(key string, events ...ledger.Event) {
		body, err := json.Marshal(events)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.PutIf(t.Context(), key, body, ""); err != nil {
			t.Fatal(err)
		}
	}
	put(ledger.EventsKey(id, 12, 2), ledger.Event{Epoch: 12, Seq: 1, Kind: "c"}, ledger.Event{Epoch: 12, Seq: 2, Kind: "d"})
	put(ledger.EventsKey(id, 9, 1), ledger.Event{Epoch: 9, Seq: 1, Kind: "a"})
	put(ledger.EventsKey(id, 9, 2), ledger.Event{Epoch: 9, Seq: 2, Kind: "b"})
	check(t, store, id, "abcd")
	put(ledger.HistoryKey(id), ledger.Event{Epoch: 12, Seq: 2, Kind: "d"}, ledger.Event{Epoch: 12, Seq: 3, Kind: "e"})
	check(t, store, id, "abcde")
}

func check(t *testing.T, store *mem.Store, id, want string) {
	t.Helper()
	events, err := ledger.ReadHistory(t.Context(), store, id)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, e := range events {
		got += e.Kind
	}
	if got != want {
		t.Errorf("the history is %q, want %q", got, want)
	}
}
