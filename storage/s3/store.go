package s3

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Store is a bucket below a prefix.
type Store struct {
	c      *Client
	bucket string
	prefix string // empty, or ends in a slash
}

// tokenMeta is the metadata in which an object keeps the id of the upload that made it.
const tokenMeta = "mrctl-token"

// check is what every method does first.
func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return storage.CheckKey(key)
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	var body []byte
	var info storage.Info
	err := check(ctx, key)
	if err == nil {
		err = s.c.policy(s.bucket, records).Do(ctx, func(ctx context.Context) error {
			return s.c.whole(func() (_ []byte, etag string, err error) {
				body, info, err = s.get(ctx, key)
				return body, string(info.Version), err
			})
		})
	}
	return body, info, storage.Fail("get", key, err)
}

func (s *Store) get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	try, stop := s.c.short(ctx)
	defer stop()
	r, o, _, err := s.c.records.GetObject(try, s.bucket, s.prefix+key, minio.GetObjectOptions{Checksum: true})
	if err != nil {
		return nil, storage.Info{}, readError(try, err)
	}
	defer r.Close() // only read
	if o.Size > storage.MaxRecord {
		return nil, storage.Info{}, errs.New(errs.Invalid, "%d bytes are too many for a record", o.Size)
	}
	body, err := io.ReadAll(io.LimitReader(r, storage.MaxRecord+1))
	if err != nil {
		return nil, storage.Info{}, readError(try, err)
	}
	if o.Size = int64(len(body)); o.Size > storage.MaxRecord {
		return nil, storage.Info{}, errs.New(errs.Invalid, "too long for a record")
	}
	return body, s.info(key, o), nil
}

// Stat implements storage.Store.
func (s *Store) Stat(ctx context.Context, key string) (storage.Info, error) {
	o, err := s.stat(ctx, key)
	return s.info(key, o), storage.Fail("stat", key, err)
}

func (s *Store) stat(ctx context.Context, key string) (minio.ObjectInfo, error) {
	if err := check(ctx, key); err != nil {
		return minio.ObjectInfo{}, err
	}
	return s.c.stat(ctx, s.bucket, s.prefix+key)
}

func (c *Client) stat(ctx context.Context, bucket, name string) (o minio.ObjectInfo, err error) {
	err = c.policy(bucket, records).Do(ctx, func(ctx context.Context) error {
		try, stop := c.short(ctx)
		defer stop()
		o, err = c.records.StatObject(try, bucket, name, minio.StatObjectOptions{})
		return readError(try, err)
	})
	return o, err
}

// info describes an object; metadata of our own is left out.
func (s *Store) info(key string, o minio.ObjectInfo) storage.Info {
	info := storage.Info{Key: key, Size: o.Size, Version: storage.Version(o.ETag), ModTime: o.LastModified}
	for k, v := range o.UserMetadata {
		if k = strings.ToLower(k); k != tokenMeta {
			if info.Meta == nil {
				info.Meta = map[string]string{}
			}
			info.Meta[k] = v
		}
	}
	return info
}

// PutIf implements storage.Store.
func (s *Store) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	err := check(ctx, key)
	if err == nil && len(body) > storage.MaxRecord {
		err = errs.New(errs.Invalid, "%d bytes are too many for a record", len(body))
	}
	if err != nil {
		return "", storage.Fail("put", key, err)
	}
	var opts minio.PutObjectOptions
	opts.DisableContentSha256 = true
	if want == "" {
		opts.SetMatchETagExcept("*")
	} else {
		opts.SetMatchETag(string(want))
	}
	try, stop := s.c.short(ctx)
	if len(body) > 1<<20 {
		stop()
		try, stop = s.c.bulk(ctx, int64(len(body)))
	}
	defer stop()
	o, err := s.c.records.PutObject(try, s.bucket, s.prefix+key, bytes.NewReader(body), int64(len(body)), "", "", opts)
	if want != "" && isStatus(err, http.StatusNotFound) && !isCode(err, minio.NoSuchBucket) {
		err = storage.ErrPrecondition
	} else {
		err = writeError(try, err)
	}
	if err == nil {
		s.c.learn(body, o.ETag)
	}
	return storage.Version(o.ETag), storage.Fail("put", key, err)
}

// Delete implements storage.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return storage.Fail("delete", key, err)
	}
	err := s.c.policy(s.bucket, records).Do(ctx, func(ctx context.Context) error {
		try, stop := s.c.short(ctx)
		defer stop()
		err := s.c.records.RemoveObject(try, s.bucket, s.prefix+key, minio.RemoveObjectOptions{})
		if isCode(err, minio.NoSuchKey) {
			err = nil
		}
		return writeError(try, err)
	})
	return storage.Fail("delete", key, err)
}

// List implements storage.Store.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return s.c.list(ctx, s.bucket, s.prefix, prefix, after)
}

// list yields the keys of a bucket, without root, that begin with prefix and come after after.
func (c *Client) list(ctx context.Context, bucket, root, prefix, after string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		// Its waits are those of the gate's budget, but it does not pass through: whoever lists may call meanwhile.
		for series, last := c.policy(bucket, records).Begin(), after; ; {
			got, done, err := c.listOnce(ctx, bucket, root, prefix, &last, yield)
			if done {
				return
			}
			if got {
				series.Progress()
			}
			if err = series.Wait(ctx, err); err != nil {
				yield(storage.Info{}, storage.Fail("list", prefix, err))
				return
			}
		}
	}
}

// listOnce yields what comes after *last and moves *last on. done says that there is no more, or no more is wanted.
func (c *Client) listOnce(ctx context.Context, bucket, root, prefix string, last *string, yield func(storage.Info, error) bool) (got, done bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, false, err
	}
	try, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The library asks for page after page under one context: what is bounded is the wait for the next entry.
	late := time.AfterFunc(time.Minute, func() { cancel(errSlow) })
	defer late.Stop()
	owner := false
	opts := minio.ListObjectsOptions{Prefix: root + prefix, Recursive: true, FetchOwner: &owner}
	if *last != "" {
		opts.StartAfter = root + *last
	}
	for o := range c.records.ListObjectsIter(try, bucket, opts) {
		late.Stop()
		if o.Err != nil {
			return got, false, readError(try, o.Err)
		}
		key := strings.TrimPrefix(o.Key, root)
		if !strings.HasSuffix(key, "/") && key > *last { // what ends in a slash stands for a folder
			got, *last = true, key
			info := storage.Info{Key: key, Size: o.Size, Version: storage.Version(o.ETag), ModTime: o.LastModified}
			if !yield(info, nil) {
				return got, true, nil
			}
		}
		late.Reset(time.Minute)
	}
	if try.Err() != nil { // then the library just stops
		return got, false, context.Cause(try)
	}
	return got, true, nil
}
