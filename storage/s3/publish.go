package s3

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	var g staged
	err := token.Decode("s3", t, &g)
	if err == nil {
		err = check(ctx, g.Key)
	}
	if err == nil && (g.ID == "" || len(g.Parts) == 0) {
		err = errs.New(errs.Invalid, "not staged yet")
	}
	if err != nil {
		return storage.Info{}, storage.Fail("publish", g.Key, err)
	}
	var info storage.Info
	err = s.c.policy(s.bucket, bulk).Do(ctx, func(ctx context.Context) (err error) {
		info, err = s.publish(ctx, g)
		return err
	})
	return info, storage.Fail("publish", g.Key, err)
}

// publish tries once, and then looks who is there, whatever the answer was: servers refuse a second completion of the
// upload that won, and others (versitygw) accept one for whatever lies at the key.
func (s *Store) publish(ctx context.Context, g staged) (storage.Info, error) {
	parts := make([]minio.CompletePart, len(g.Parts))
	for i, p := range g.Parts {
		parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: p.ETag, ChecksumCRC32C: p.CRC}
	}
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	// The server may read the whole object once before it answers.
	try, stop := s.c.bulk(ctx, g.Size/16)
	_, err := s.c.data.CompleteMultipartUpload(try, s.bucket, s.prefix+g.Key, g.Upload, parts, opts)
	// Parts are missing when the upload is being discarded at this moment.
	gone := isCode(err, "NoSuchUpload") || isCode(err, "InvalidPart")
	err = writeError(try, err)
	stop()
	if err != nil && !gone && !errors.Is(err, storage.ErrPrecondition) {
		return storage.Info{}, err
	}
	switch o, look := s.stat(ctx, g.Key); {
	case look == nil && tokenOf(o) == g.ID:
		return s.info(g.Key, o), nil
	case look == nil:
		return storage.Info{}, storage.ErrPrecondition
	case !errors.Is(look, storage.ErrNotExist):
		return storage.Info{}, storage.Unknown(look)
	case gone:
		return storage.Info{}, storage.ErrNotExist
	case err == nil:
		return storage.Info{}, storage.Unknown(errors.New("completed, and not there"))
	default: // a collision with another write that is not there either; the upload may still be
		return storage.Info{}, errs.New(errs.Unavailable, "collided with another write")
	}
}

func tokenOf(o minio.ObjectInfo) string {
	for k, v := range o.UserMetadata {
		if strings.EqualFold(k, tokenMeta) {
			return v
		}
	}
	return ""
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error {
	var g staged
	err := token.Decode("s3", t, &g)
	if err == nil {
		err = check(ctx, g.Key)
	}
	if err == nil {
		err = s.c.policy(s.bucket, records).Do(ctx, func(ctx context.Context) error { return s.abort(ctx, g.Key, g.Upload) })
	}
	return storage.Fail("discard", g.Key, err)
}

func (s *Store) abort(ctx context.Context, key, upload string) error {
	try, stop := s.c.short(ctx)
	defer stop()
	err := s.c.records.AbortMultipartUpload(try, s.bucket, s.prefix+key, upload)
	if isStatus(err, http.StatusNotFound) && !isCode(err, minio.NoSuchBucket) {
		return nil
	}
	return writeError(try, err)
}

// PendingOf implements storage.Sweeper.
func (s *Store) PendingOf(ctx context.Context, key string) ([]storage.Pending, error) {
	if err := check(ctx, key); err != nil {
		return nil, storage.Fail("pending", key, err)
	}
	var found []storage.Pending
	for p, err := range s.uploads(ctx, s.prefix+key) {
		if err != nil {
			return nil, storage.Fail("pending", key, err)
		}
		if p.Key == key {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b storage.Pending) int { return a.Started.Compare(b.Started) })
	return found, nil
}

// Temporary implements storage.Litter: all uploads below this store that were neither completed nor aborted. MinIO lists
// those of one key or of the whole bucket, and nothing between, so the bucket is looked through where nothing was found.
func (s *Store) Temporary(ctx context.Context) iter.Seq2[storage.Pending, error] {
	return func(yield func(storage.Pending, error) bool) {
		prefixes := []string{s.prefix}
		if s.prefix != "" {
			prefixes = append(prefixes, "")
		}
		for _, prefix := range prefixes {
			some := false
			for p, err := range s.uploads(ctx, prefix) {
				if err != nil {
					yield(p, storage.Fail("uploads", "", err))
					return
				}
				if some = true; !yield(p, nil) {
					return
				}
			}
			if some {
				return
			}
		}
	}
}

// uploads lists the uploads under way whose key in the bucket begins with prefix, as far as they are below this store.
func (s *Store) uploads(ctx context.Context, prefix string) iter.Seq2[storage.Pending, error] {
	return func(yield func(storage.Pending, error) bool) {
		for keyMarker, uploadMarker := "", ""; ; {
			var page minio.ListMultipartUploadsResult
			err := s.c.policy(s.bucket, records).Do(ctx, func(ctx context.Context) (err error) {
				try, stop := s.c.short(ctx)
				defer stop()
				page, err = s.c.records.ListMultipartUploads(try, s.bucket, prefix, keyMarker, uploadMarker, "", 1000)
				return readError(try, err)
			})
			if err != nil {
				yield(storage.Pending{}, err)
				return
			}
			for _, u := range page.Uploads {
				key, below := strings.CutPrefix(u.Key, s.prefix)
				if !below {
					continue
				}
				t, err := token.Encode("s3", staged{Key: key, Upload: u.UploadID})
				if !yield(storage.Pending{Key: key, Token: t, Started: u.Initiated}, err) || err != nil {
					return
				}
			}
			if !page.IsTruncated || page.NextKeyMarker == keyMarker && page.NextUploadIDMarker == uploadMarker {
				return
			}
			keyMarker, uploadMarker = page.NextKeyMarker, page.NextUploadIDMarker
		}
	}
}
