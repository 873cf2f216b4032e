// Package bucket fills and reads buckets of a test server, with the plain client and none of our own code.
package bucket

import (
	"context"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"
)

// Client reaches a test server.
type Client struct{ c *minio.Client }

// Dial makes a client for an endpoint such as http://127.0.0.1:9000.
func Dial(endpoint, access, secret string) (Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return Client{}, err
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	return Client{c}, err
}

// Make makes a bucket.
func (b Client) Make(ctx context.Context, name string) error {
	return b.c.MakeBucket(ctx, name, minio.MakeBucketOptions{})
}

// Upload puts the files below dir under prefix, skipping names that begin with "." or "_" as an input folder would. It
// gives the number of files and bytes.
func (b Client) Upload(ctx context.Context, bucket, prefix, dir string) (files int, bytes int64, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != dir && strings.ContainsAny(d.Name()[:1], "._") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files++
		bytes += info.Size()
		g.Go(func() error {
			_, err := b.c.FPutObject(ctx, bucket, prefix+filepath.ToSlash(rel), path, minio.PutObjectOptions{ContentType: "application/octet-stream"})
			return err
		})
		return nil
	})
	if err2 := g.Wait(); err == nil {
		err = err2
	}
	return files, bytes, err
}

// Parts reads the lines of all parts below prefix, sorted. found tells whether _SUCCESS is there.
func (b Client) Parts(ctx context.Context, bucket, prefix string) (lines []string, found bool, err error) {
	for o := range b.c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, false, o.Err
		}
		name := strings.TrimPrefix(o.Key, prefix)
		if name == "_SUCCESS" {
			found = true
		}
		if !strings.HasPrefix(name, "part-") || o.Size == 0 {
			continue
		}
		r, err := b.c.GetObject(ctx, bucket, o.Key, minio.GetObjectOptions{})
		if err != nil {
			return nil, false, err
		}
		body, err := io.ReadAll(r)
		_ = r.Close() // read to its end
		if err != nil {
			return nil, false, err
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	}
	slices.Sort(lines)
	return lines, found, nil
}

// Keys lists the objects below prefix.
func (b Client) Keys(ctx context.Context, bucket, prefix string) (keys []string, err error) {
	for o := range b.c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}
		keys = append(keys, o.Key)
	}
	return keys, nil
}

// Uploads lists the keys of uploads in parts that are neither completed nor aborted.
func (b Client) Uploads(ctx context.Context, bucket, prefix string) (keys []string, err error) {
	for o := range b.c.ListIncompleteUploads(ctx, bucket, prefix, true) {
		if o.Err != nil {
			return nil, o.Err
		}
		keys = append(keys, o.Key)
	}
	return keys, nil
}

// Read reads an object.
func (b Client) Read(ctx context.Context, bucket, key string) ([]byte, error) {
	r, err := b.c.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	return io.ReadAll(r)
}
