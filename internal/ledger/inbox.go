package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

const inboxV = 1

// inbox is the body of an inbox entry.
type inbox struct {
	V     int      `json:"v"`
	Nonce string   `json:"nonce"`
	Spec  spec.Job `json:"spec"`
}

// SubmitInbox submits a job under an id from JobIDFor, leader or no leader. nil means that the job will be done, and is
// said again for a request that was submitted before. The id taken by a different job is errs.Conflict. After any other error
// the job may have been submitted; calling again with the same spec settles it if the spec has a request id.
func SubmitInbox(ctx context.Context, store storage.Store, id string, s spec.Job) error {
	if !ValidJobID(id) {
		return errs.New(errs.Invalid, "submit: %q is not a job id", id)
	}
	body, err := json.Marshal(inbox{V: inboxV, Nonce: NewNonce(), Spec: s})
	if err != nil {
		return errs.E(errs.Invalid, "submit", id, err)
	}
	if s.RequestID != "" {
		// The entry of an earlier submission is gone if that job has ended.
		if j, err := readChain(ctx, store, id); !errs.Is(err, errs.NotFound) {
			return sameRequest(id, s, j.Spec, err)
		}
	}
	there, _, mine, err := CreateOnce(ctx, store, InboxKey(id), body)
	if err != nil || mine {
		return errs.E(errs.KindOf(err), "submit", id, err)
	}
	old, err := decodeInbox(id, there)
	return sameRequest(id, s, old, err)
}

// sameRequest accepts a spec that is there already if it is the one to be submitted.
func sameRequest(id string, want, there spec.Job, err error) error {
	if err != nil {
		return errs.E(errs.KindOf(err), "submit", id, err)
	}
	want.Submitted, there.Submitted = time.Time{}, time.Time{} // each try has a clock of its own
	if want.RequestID == "" || !sameJSON(want, there) {
		return errs.E(errs.Conflict, "submit", id, errors.New("the id is taken by another job"))
	}
	return nil
}

// sameJSON compares what would be written.
func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// ReadInbox reads a submitted job: errs.NotFound if it is not there (any more), errs.Corrupt if nobody could ever read it.
func ReadInbox(ctx context.Context, store storage.Store, id string) (spec.Job, error) {
	body, _, err := Fetch(ctx, store, InboxKey(id))
	if errors.Is(err, storage.ErrNotExist) {
		return spec.Job{}, errs.E(errs.NotFound, "read", InboxKey(id), err)
	}
	if err != nil {
		return spec.Job{}, err
	}
	return decodeInbox(id, body)
}

func decodeInbox(id string, body []byte) (spec.Job, error) {
	var e inbox
	if err := decode(body, &e, func() int { return e.V }, inboxV); err != nil {
		return spec.Job{}, errs.E(errs.KindOf(err), "read", InboxKey(id), err)
	}
	return e.Spec, nil
}
