package s3

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/mrctl/mrctl/storage"
)

var errChanged = fmt.Errorf("changed: %w", storage.ErrPrecondition)

// Source reads a bucket of the user's as it is.
type Source struct {
	c      *Client
	bucket string
}

// List implements storage.Source.
func (s *Source) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	return s.c.list(ctx, s.bucket, "", prefix, after)
}

// Stat implements storage.Source.
func (s *Source) Stat(ctx context.Context, key string) (storage.Info, error) {
	err := checkSource(ctx, key)
	var o minio.ObjectInfo
	if err == nil {
		o, err = s.c.stat(ctx, s.bucket, key)
	}
	return describeSource(key, o), storage.Fail("stat", key, err)
}

// Open implements storage.Source.
func (s *Source) Open(ctx context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	err := checkSource(ctx, key)
	var r io.ReadCloser
	var o minio.ObjectInfo
	if err == nil {
		r, o, err = s.c.open(ctx, s.bucket, key, off, n, string(want))
	}
	if err != nil {
		return nil, storage.Info{}, storage.Fail("open", key, err)
	}
	return &reader{key: key, r: r}, describeSource(key, o), nil
}

// checkSource refuses what cannot be an object of a user's. What ends in a slash is a folder's marker.
func checkSource(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if key == "" || strings.HasSuffix(key, "/") {
		return storage.ErrNotExist
	}
	return nil
}

func describeSource(key string, o minio.ObjectInfo) storage.Info {
	return storage.Info{Key: key, Size: o.Size, Version: storage.Version(o.ETag), ModTime: o.LastModified}
}
