package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Event is one thing that a leader decided about a job, or learned of it.
type Event struct {
	Epoch   uint64    `json:"epoch,omitempty"` // of the leadership; 0 in memory
	Seq     uint64    `json:"seq"`             // counts from 1 within a job and a leadership
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Task    string    `json:"task,omitempty"` // "map/17"; empty for the job as a whole
	Attempt int32     `json:"attempt,omitempty"`
	Worker  string    `json:"worker,omitempty"`
	Text    string    `json:"text,omitempty"`
}

// EventsKey is a piece of a live job's history: what a leader noted up to its event seq. Pieces sort by epoch and seq.
func EventsKey(id string, epoch, seq uint64) string {
	return fmt.Sprintf("%s%020d-%010d", eventsPrefix(id), epoch, seq)
}

func eventsPrefix(id string) string { return jobPrefix + id + "/events/" }

// ReadHistory reads what has happened to a job under all its leaders, in order. Of a leadership that goes on, or ended
// unasked, the last seconds may lack. What cannot be read is left out and the first error given beside the rest: it is
// for people, who want what there is.
func ReadHistory(ctx context.Context, store storage.Store, id string) ([]Event, error) {
	var all []Event
	var first error
	take := func(key string) {
		body, _, err := Fetch(ctx, store, key)
		var some []Event
		if err == nil {
			err = errs.E(errs.Corrupt, "read", key, json.Unmarshal(body, &some))
		}
		if err != nil && first == nil && notFound(err) != errs.NotFound {
			first = err
		}
		all = append(all, some...)
	}
	for info, err := range store.List(ctx, eventsPrefix(id), "") {
		if err != nil {
			first = err
			break
		}
		take(info.Key)
	}
	take(HistoryKey(id))
	slices.SortStableFunc(all, func(a, b Event) int { return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq)) })
	return slices.CompactFunc(all, func(a, b Event) bool { return a.Epoch == b.Epoch && a.Seq == b.Seq }), first
}
