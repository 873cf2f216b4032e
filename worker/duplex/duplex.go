// Package duplex runs the two directions of a plugin stream at once: one goroutine sends while another drains, so that a
// plugin that is blocked on sending is always heard.
package duplex

import (
	"context"
	"errors"
	"io"

	"github.com/mrctl/mrctl/internal/errs"
)

// Run calls send and recv at once and waits for both. The first failure cancels ctx, under which the stream was opened,
// so that the other direction ends too. send gives io.EOF where the stream has ended and recv knows why. Of two errors
// the one that tells more is returned; a bare cancellation gives way to the cause of ctx.
func Run(ctx context.Context, cancel context.CancelCauseFunc, send, recv func() error) error {
	done := make(chan error, 1)
	go func() {
		err := send()
		if err != nil && !errors.Is(err, io.EOF) {
			cancel(err)
		}
		done <- err
	}()
	got := recv()
	if got != nil {
		cancel(got)
	}
	sent := <-done
	err := got
	switch {
	case got == nil && errors.Is(sent, io.EOF):
		err = errs.New(errs.UserCode, "the plugin ended before its input did")
	case got == nil:
		err = sent
	case sent != nil && !errors.Is(sent, io.EOF) && errs.KindOf(got) == errs.Canceled:
		err = sent // recv only saw that it was stopped
	}
	if errs.KindOf(err) == errs.Canceled {
		return context.Cause(ctx)
	}
	return err
}
