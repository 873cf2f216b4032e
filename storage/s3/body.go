package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/again"
)

// stall is how long a body may bring nothing before it is given up and asked for again.
const stall = 30 * time.Second

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	if err := check(ctx, key); err != nil {
		return nil, storage.Info{}, storage.Fail("open", key, err)
	}
	r, o, err := s.c.open(ctx, s.bucket, s.prefix+key, off, n, "")
	if err != nil {
		return nil, storage.Info{}, storage.Fail("open", key, err)
	}
	if off == 0 && (n < 0 || n >= o.Size) && 0 < o.Size && o.Size <= storage.MaxRecord && s.c.mayBeSum(o.ETag) {
		if s.c.versions.Load() == sums {
			r = newSummed(r, o.ETag)
		} else { // the first record this client reads: find out
			body, info, err := s.Get(ctx, key)
			return io.NopCloser(bytes.NewReader(body)), info, errors.Join(err, r.Close())
		}
	}
	return &reader{key: key, r: r}, s.info(key, o), nil
}

// open reads n bytes from off of an object, which must have version want unless that is empty. The object is described
// with its whole size.
func (c *Client) open(ctx context.Context, bucket, name string, off, n int64, want string) (io.ReadCloser, minio.ObjectInfo, error) {
	if off < 0 {
		return nil, minio.ObjectInfo{}, errs.New(errs.Invalid, "negative offset %d", off)
	}
	if n == 0 {
		return c.openNothing(ctx, bucket, name, want)
	}
	var body io.ReadCloser
	var o minio.ObjectInfo
	policy := c.policy(bucket, bulk)
	err := policy.Do(ctx, func(ctx context.Context) (err error) {
		body, o, err = c.request(ctx, bucket, name, off, n, want)
		return err
	})
	if isStatus(err, http.StatusRequestedRangeNotSatisfiable) {
		return c.openNothing(ctx, bucket, name, want)
	}
	if err != nil {
		return nil, o, err
	}
	left := max(0, o.Size-off)
	if n > 0 {
		left = min(n, left)
	}
	return again.NewReader(ctx, body, off, left, policy, func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
		body, _, err := c.request(ctx, bucket, name, off, n, o.ETag)
		return body, err
	}), o, nil
}

// openNothing opens an empty range: there is no way to ask for one.
func (c *Client) openNothing(ctx context.Context, bucket, name, want string) (io.ReadCloser, minio.ObjectInfo, error) {
	o, err := c.stat(ctx, bucket, name)
	if err == nil && want != "" && o.ETag != want {
		err = errChanged
	}
	return http.NoBody, o, err
}

// request is one try of a GET.
func (c *Client) request(ctx context.Context, bucket, name string, off, n int64, want string) (io.ReadCloser, minio.ObjectInfo, error) {
	var opts minio.GetObjectOptions
	switch {
	case n > 0:
		opts.Set("Range", "bytes="+strconv.FormatInt(off, 10)+"-"+strconv.FormatInt(off+n-1, 10))
	case off > 0:
		opts.Set("Range", "bytes="+strconv.FormatInt(off, 10)+"-")
	}
	if want != "" {
		if err := opts.SetMatchETag(want); err != nil {
			return nil, minio.ObjectInfo{}, err
		}
	}
	try, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(stall, func() { cancel(errSlow) })
	body, o, header, err := c.data.GetObject(try, bucket, name, opts)
	late.Stop()
	if err != nil {
		defer cancel(nil)
		if isStatus(err, http.StatusRequestedRangeNotSatisfiable) {
			return nil, o, err
		}
		return nil, o, readError(try, err)
	}
	// Of a part of an object the library gives the part's size.
	if _, total, ok := strings.Cut(header.Get("Content-Range"), "/"); ok {
		if o.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			cancel(nil)
			body.Close()
			return nil, o, errs.New(errs.Unavailable, "the server's Content-Range is %q", header.Get("Content-Range"))
		}
	}
	return &attempt{ctx: try, body: body, late: late, cancel: cancel}, o, nil
}

// attempt is the body of one GET, given up when it brings nothing for too long. A slow reader of ours does not count.
type attempt struct {
	ctx    context.Context
	body   io.ReadCloser
	late   *time.Timer
	cancel context.CancelCauseFunc
}

func (a *attempt) Read(p []byte) (int, error) {
	a.late.Reset(stall)
	n, err := a.body.Read(p)
	a.late.Stop()
	if err != nil && err != io.EOF {
		err = readError(a.ctx, err)
	}
	return n, err
}

func (a *attempt) Close() error {
	a.late.Stop()
	defer a.cancel(nil)
	return a.body.Close()
}

// reader names the key in what fails.
type reader struct {
	key string
	r   io.ReadCloser
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = storage.Fail("read", r.key, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.r.Close() }
