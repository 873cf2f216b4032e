// Package again knows which failures of a store pass, and reads on where a body was cut.
package again

import (
	"context"
	"errors"
	"io"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/retry"
	"github.com/mrctl/mrctl/storage"
)

// Worth says whether what failed with err may succeed when it is tried again.
func Worth(err error) bool {
	return errs.KindOf(err) == errs.Unavailable || errors.Is(err, storage.ErrUnknown)
}

// Reader reads a body of known length and opens it again where it is cut. Tries that bring any byte do not count.
type Reader struct {
	ctx    context.Context
	body   io.ReadCloser // nil between two tries
	off    int64         // of the next byte
	left   int64         // bytes that are still to come
	series *retry.Series // tries since something came; nil: none
	policy retry.Policy
	open   Opener
}

// Opener opens n bytes from off of the version that is being read, once.
type Opener func(ctx context.Context, off, n int64) (io.ReadCloser, error)

// NewReader reads n bytes, which start at off of some whole, from body first. Where it is cut open is called, as the
// policy has it; when that fails for a reason that does not pass, or nothing comes for as long as the policy allows,
// reading fails. What passes is decided here: for a body that is any failure without a kind too.
func NewReader(ctx context.Context, body io.ReadCloser, off, n int64, policy retry.Policy, open Opener) *Reader {
	policy.Worth = passes
	return &Reader{ctx: retry.Anew(ctx), body: body, off: off, left: n, policy: policy, open: open}
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
			r.series = nil
			return n, nil
		}
		if err == nil {
			continue
		}
		if ctxErr := r.ctx.Err(); ctxErr != nil {
			return 0, ctxErr
		}
		if r.series == nil {
			r.series = r.policy.Begin()
		}
		if err := r.series.Wait(r.ctx, err); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

func (r *Reader) read(p []byte) (n int, err error) {
	if r.body == nil {
		if err = r.reopen(); err != nil {
			return 0, err
		}
	}
	n, err = r.body.Read(p)
	if err == io.EOF && int64(n) < r.left {
		err = errs.E(errs.Unavailable, "", "", io.ErrUnexpectedEOF)
	}
	return n, err
}

// reopen is one try, after one that failed.
func (r *Reader) reopen() error {
	try := r.series
	if try == nil { // the last one brought something before it was cut
		try = r.policy.Begin()
	}
	return try.Try(r.ctx, func(ctx context.Context) error {
		body, err := r.open(ctx, r.off, r.left)
		if err == nil {
			r.body = body
		}
		return err
	})
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
