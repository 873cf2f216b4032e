// Package again does over what failed for a reason that passes: requests that are idempotent, and reading on where a
// body was cut.
package again

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Waits between tries: full jitter over an exponential, so that many who failed together do not come back together.
const (
	base = 50 * time.Millisecond
	most = 2 * time.Second
)

// Do calls f up to tries times, until it succeeds or fails for good.
func Do(ctx context.Context, tries int, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil {
			return nil
		}
		if err := Pause(ctx, try, tries, err); err != nil {
			return err
		}
	}
}

// Pause waits after the given try failed with err, and returns nil when it is time for the next, or err when there is
// to be none.
func Pause(ctx context.Context, try, tries int, err error) error {
	if try >= tries || !Worth(ctx, err) || wait(ctx, try) != nil {
		return err
	}
	return nil
}

// Worth says whether what failed with err may succeed when it is tried again.
func Worth(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	return errs.KindOf(err) == errs.Unavailable || errors.Is(err, storage.ErrUnknown)
}

func wait(ctx context.Context, try int) error {
	timer := time.NewTimer(rand.N(min(base<<min(try, 10), most)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Reader reads a body of known length and opens it again where it is cut. Tries that bring any byte do not count.
type Reader struct {
	ctx    context.Context
	body   io.ReadCloser // nil between two tries
	off    int64         // of the next byte
	left   int64         // bytes that are still to come
	tries  int
	failed int // tries in a row that brought nothing
	open   func(off, n int64) (io.ReadCloser, error)
}

// NewReader reads n bytes, which start at off of some whole, from body first. open opens the same version at another
// place; when it fails for a reason that does not pass, or tries times in a row nothing comes, reading fails.
func NewReader(ctx context.Context, body io.ReadCloser, off, n int64, tries int, open func(off, n int64) (io.ReadCloser, error)) *Reader {
	return &Reader{ctx: ctx, body: body, off: off, left: n, tries: tries, open: open}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.left > 0 {
		n, err := r.read(p[:min(int64(len(p)), r.left)])
		r.off += int64(n)
		r.left -= int64(n)
		if err != nil {
			r.Close() // the next read opens again
		}
		if n > 0 {
			r.failed = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		r.failed++
		if ctxErr := r.ctx.Err(); ctxErr != nil {
			return 0, ctxErr
		}
		if r.failed >= r.tries || !passes(err) {
			return 0, err
		}
		if err := wait(r.ctx, r.failed); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

func (r *Reader) read(p []byte) (n int, err error) {
	if r.body == nil {
		if r.body, err = r.open(r.off, r.left); err != nil {
			r.body = nil
			return 0, err
		}
	}
	n, err = r.body.Read(p)
	if err == io.EOF && int64(n) < r.left {
		err = errs.E(errs.Unavailable, "", "", io.ErrUnexpectedEOF)
	}
	return n, err
}

// passes is Worth for a body, where a broken connection shows as any error at all.
func passes(err error) bool {
	switch errs.KindOf(err) {
	case errs.Other, errs.Unavailable:
		return true
	}
	return false
}

// Close implements io.Closer.
func (r *Reader) Close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}
