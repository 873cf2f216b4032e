package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

// staged is what a token says: all that completing the upload takes.
type staged struct {
	Key    string `json:"k"`
	Upload string `json:"u"`
	ID     string `json:"i"` // in the object's metadata; empty where a sweeper found the upload
	Size   int64  `json:"s"` // bytes
	Parts  []part `json:"p,omitempty"`
}

// part is what completing wants to know of one: its ETag, and its CRC32C in base64.
type part struct {
	ETag string `json:"e"`
	CRC  string `json:"c"`
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	err := check(ctx, key)
	if err == nil {
		err = storage.CheckMeta(meta)
	}
	if err != nil {
		return nil, storage.Fail("create", key, err)
	}
	w := &writer{s: s, staged: staged{Key: key, ID: token.NewID()}, wait: func() error { return nil }}
	w.ctx, w.cancel = context.WithCancel(ctx)
	opts := minio.PutObjectOptions{UserMetadata: map[string]string{"x-amz-checksum-algorithm": "CRC32C"}}
	for k, v := range meta {
		opts.UserMetadata["x-amz-meta-"+k] = v
	}
	opts.UserMetadata["x-amz-meta-"+tokenMeta] = w.staged.ID
	// A try whose reply is lost leaves an upload that nobody knows: for gc.
	err = s.c.policy(s.bucket, bulk).Do(ctx, func(ctx context.Context) (err error) {
		try, stop := s.c.short(ctx)
		defer stop()
		w.staged.Upload, err = s.c.data.NewMultipartUpload(try, s.bucket, s.prefix+key, opts)
		return writeError(try, err)
	})
	if err != nil {
		w.cancel()
		return nil, storage.Fail("create", key, err)
	}
	return w, nil
}

// writer fills one part while the one before is on its way.
type writer struct {
	s      *Store
	ctx    context.Context // ends with the one given to Create, or with Abort
	cancel context.CancelFunc
	staged staged

	buf, spare []byte       // the part that is being filled; the memory of the one under way
	wait       func() error // ends when no part is under way; what it returns is kept in err
	err        error        // the first that befell a part
	over       bool         // staged or aborted
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	if w.over {
		return 0, storage.Fail("write", w.staged.Key, errs.New(errs.Invalid, "the stream has ended"))
	}
	if err := w.ctx.Err(); err != nil {
		return 0, storage.Fail("write", w.staged.Key, err)
	}
	size := w.s.c.opts.PartSize
	for len(p) > 0 {
		if len(w.buf) == size {
			if err := w.send(w.ctx); err != nil {
				return n, storage.Fail("write", w.staged.Key, err)
			}
		}
		m := min(len(p), size-len(w.buf))
		w.buf = grow(w.buf, m, size)
		w.buf = append(w.buf, p[:m]...)
		p = p[m:]
		n += m
	}
	return n, nil
}

// grow makes room for n more bytes, never for more than a part: most streams are small.
func grow(buf []byte, n, most int) []byte {
	if need := len(buf) + n; need > cap(buf) {
		bigger := make([]byte, len(buf), min(most, max(need, 2*cap(buf), 64<<10)))
		copy(bigger, buf)
		return bigger
	}
	return buf
}

// send waits for the part under way and starts the one that is filled.
func (w *writer) send(ctx context.Context) error {
	if err := w.settle(); err != nil {
		return err
	}
	if len(w.staged.Parts) == maxParts {
		return errs.New(errs.Invalid, "longer than %d parts of %d bytes", maxParts, w.s.c.opts.PartSize)
	}
	body := w.buf
	w.buf, w.spare = w.spare[:0], body
	w.staged.Size += int64(len(body))
	w.staged.Parts = append(w.staged.Parts, part{CRC: checksum(body)})
	number := len(w.staged.Parts)
	done := make(chan error, 1)
	go func() { done <- w.upload(ctx, number, body) }()
	w.wait = func() error { return <-done }
	return nil
}

// settle waits for the part under way, if there is one.
func (w *writer) settle() error {
	if err := w.wait(); err != nil && w.err == nil {
		w.err = err
	}
	w.wait = func() error { return nil }
	return w.err
}

func (w *writer) upload(ctx context.Context, number int, body []byte) error {
	p := &w.staged.Parts[number-1] // nobody else touches Parts until wait has returned
	return w.s.c.policy(w.s.bucket, bulk).Do(ctx, func(ctx context.Context) error {
		try, stop := w.s.c.bulk(ctx, int64(len(body)))
		defer stop()
		got, err := w.s.c.data.PutObjectPart(try, w.s.bucket, w.s.prefix+w.staged.Key, w.staged.Upload, number,
			bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{
				DisableContentSha256: true,
				CustomHeader:         http.Header{"X-Amz-Checksum-Crc32c": {p.CRC}},
			})
		if isCode(err, "NoSuchUpload") { // discarded in mid-stream
			return storage.ErrNotExist
		}
		p.ETag = got.ETag
		return writeError(try, err)
	})
}

// Stage implements storage.Writer.
func (w *writer) Stage(ctx context.Context) (storage.Token, error) {
	if w.over {
		return "", storage.Fail("stage", w.staged.Key, errs.New(errs.Invalid, "the stream has ended"))
	}
	err := w.settle()
	if err == nil {
		err = w.ctx.Err()
	}
	if err == nil && (len(w.buf) > 0 || len(w.staged.Parts) == 0) { // an empty stream is one empty part
		if err = w.send(ctx); err == nil {
			err = w.settle()
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	var t storage.Token
	if err == nil {
		t, err = token.Encode("s3", w.staged)
	}
	if err != nil {
		// What is left behind when this fails too is for gc; the first error is the one to tell.
		_ = w.Abort()
		return "", storage.Fail("stage", w.staged.Key, err)
	}
	w.end()
	return t, nil
}

// Abort implements storage.Writer.
func (w *writer) Abort() error {
	if w.over {
		return nil
	}
	w.cancel()
	_ = w.settle() // it was cut off; what it says is of no interest
	w.end()
	ctx, stop := context.WithTimeout(context.WithoutCancel(w.ctx), 10*time.Second)
	defer stop()
	return storage.Fail("abort", w.staged.Key, w.s.abort(ctx, w.staged.Key, w.staged.Upload))
}

func (w *writer) end() {
	w.over = true
	w.cancel()
	w.buf, w.spare = nil, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli)))
}
