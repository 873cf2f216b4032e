package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// deadLetters are the bad records of one map attempt, on their way to the cluster's store: there they lie before the
// attempt is reported, and the leader gives those of the attempts that count to the output. The file is begun with the
// first of them. A nil one takes none.
type deadLetters struct {
	store storage.Store
	key   string
	ctx   context.Context // governs the writes

	mu  sync.Mutex
	w   storage.Writer // guarded by mu; nil: there were none
	err error          // guarded by mu; the first
}

// add puts a record into the file. What goes wrong is said by keep.
func (d *deadLetters) add(s *sessionv1.BadSample) {
	line, err := ledger.BadRecord{Object: s.Object, Offset: s.Offset, Error: s.Error, Base64: s.Record}.Line()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return
	}
	if err == nil && d.w == nil {
		d.w, err = d.store.Create(d.ctx, d.key, nil)
	}
	if err == nil {
		_, err = d.w.Write(line)
	}
	d.err = err
}

// keep makes the file durable.
func (d *deadLetters) keep(ctx context.Context) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil || d.w == nil {
		return wrapLetters(d.err)
	}
	token, err := d.w.Stage(ctx)
	if err != nil {
		return wrapLetters(err)
	}
	for try := 0; ; try++ {
		_, err := d.store.Publish(ctx, token)
		if !errors.Is(err, storage.ErrUnknown) {
			return wrapLetters(err)
		}
		if err := ledger.Pause(ctx, d.key, try); err != nil {
			return wrapLetters(err)
		}
	}
}

// drop gives the file up, unless it has been kept.
func (d *deadLetters) drop() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.w != nil {
		_ = d.w.Abort() // what cannot be removed now is gc's
	}
}

func wrapLetters(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keep bad records: %w", err)
}
