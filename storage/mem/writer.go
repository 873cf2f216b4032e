package mem

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

// writer is a stream that Create began. Once staged its fields do not change.
type writer struct {
	store   *Store
	ctx     context.Context // the one given to Create governs the writes
	key     string
	meta    map[string]string
	started time.Time
	token   storage.Token
	body    bytes.Buffer
	done    bool // staged; guarded by store.mu
	over    bool // staged or aborted; used by the writer's owner alone
}

// named is what a token says: the key, and a number that no other token of the store has.
type named struct {
	Key string `json:"k"`
	ID  int    `json:"i"`
}

func (w *writer) Write(p []byte) (int, error) {
	if w.over {
		return 0, storage.Fail("write", w.key, errs.New(errs.Invalid, "the stream has ended"))
	}
	if err := w.ctx.Err(); err != nil {
		return 0, storage.Fail("write", w.key, err)
	}
	return w.body.Write(p)
}

// Stage implements storage.Writer.
func (w *writer) Stage(ctx context.Context) (storage.Token, error) {
	if w.over {
		return "", storage.Fail("stage", w.key, errs.New(errs.Invalid, "the stream has ended"))
	}
	if err := ctx.Err(); err != nil {
		return "", storage.Fail("stage", w.key, errors.Join(err, w.Abort()))
	}
	w.over = true
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.store.staged[w.token] != w { // a sweeper discarded it in mid-stream
		return "", storage.Fail("stage", w.key, storage.ErrNotExist)
	}
	w.done = true
	return w.token, nil
}

// Abort implements storage.Writer.
func (w *writer) Abort() error {
	if w.over {
		return nil
	}
	w.over = true
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	delete(w.store.staged, w.token)
	return nil
}

func keyOf(t storage.Token) (named, error) {
	var n named
	err := token.Decode("mem", t, &n)
	return n, err
}
