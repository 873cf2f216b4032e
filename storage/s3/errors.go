package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// reply finds what the server said, if it is the server that failed the request.
func reply(err error) (r minio.ErrorResponse, ok bool) {
	ok = errors.As(err, &r)
	return r, ok && r.StatusCode != 0
}

func isStatus(err error, status int) bool {
	r, ok := reply(err)
	return ok && r.StatusCode == status
}

func isCode(err error, code string) bool {
	r, ok := reply(err)
	return ok && r.Code == code
}

// readError says what a failed read means.
func readError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r, ok := reply(err)
	switch {
	case !ok && errs.KindOf(err) != errs.Other:
		return err
	case !ok:
		return errs.E(errs.Unavailable, "", "", err)
	case r.Code == minio.NoSuchBucket:
		return errs.E(errs.Invalid, "bucket", r.BucketName, errors.New("does not exist"))
	case r.StatusCode == http.StatusNotFound:
		return storage.ErrNotExist
	case r.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("changed: %w", storage.ErrPrecondition)
	case transient(r):
		return errs.E(errs.Unavailable, "", "", describe(r))
	}
	return errs.E(errs.Invalid, "", "", describe(r))
}

// writeError says what a failed write means. What the server refuses did not happen; what it fails at, or what gets no
// answer, may have.
func writeError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return storage.Unknown(context.Cause(ctx))
	}
	r, ok := reply(err)
	switch {
	case !ok && unsent(err):
		return errs.E(errs.Unavailable, "", "", err)
	case !ok:
		return storage.Unknown(err)
	case r.Code == minio.NoSuchBucket:
		return errs.E(errs.Invalid, "bucket", r.BucketName, errors.New("does not exist"))
	case r.StatusCode == http.StatusPreconditionFailed, r.StatusCode == http.StatusConflict:
		// 409 is a collision with another conditional write: not applied, look again.
		return storage.ErrPrecondition
	case r.Code == skewed: // refused before anything was done
		return errs.E(errs.Unavailable, "", "", describe(r))
	case transient(r):
		return storage.Unknown(describe(r))
	}
	return errs.E(errs.Invalid, "", "", describe(r))
}

// transient says that the same request may succeed later.
func transient(r minio.ErrorResponse) bool {
	switch r.Code {
	case "RequestTimeout", "SlowDown", "ExpiredToken", skewed: // 400 among them
		return true
	}
	return r.StatusCode >= 500 && r.StatusCode != http.StatusNotImplemented || r.StatusCode == http.StatusRequestTimeout || r.StatusCode == http.StatusTooManyRequests || r.StatusCode == 499
}

// unsent says that no connection came about, so that nothing can have happened.
func unsent(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

func describe(r minio.ErrorResponse) error {
	text := fmt.Sprintf("%s (%d %s)", r.Message, r.StatusCode, r.Code)
	if r.Code == skewed {
		text += ": set this machine's time, or the server's, by NTP; it is tried again"
	} else if r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized {
		text += ": check the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE) and what they allow"
	}
	return errors.New(text)
}
