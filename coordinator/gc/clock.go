package gc

import (
	"context"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// time asks the store for its time, by an object that it stamps.
func (f *finder) time() bool {
	if f.now = time.Now(); f.ReadOnly {
		return true
	}
	key := "probe/clock-" + ledger.NewNonce()
	_, err := f.Store.PutIf(f.ctx, key, []byte(key), "")
	if err == nil {
		info, statErr := f.Store.Stat(f.ctx, key)
		f.now, err = info.ModTime, statErr
	}
	// Also after an error, for it may have been written all the same. One that stays is removed later, like other probes.
	_ = f.Store.Delete(context.WithoutCancel(f.ctx), key)
	if err != nil {
		_ = f.failed(errs.E(errs.KindOf(err), "ask for the store's time", key, err))
		return false
	}
	return true
}
