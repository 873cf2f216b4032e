package output

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// ReadText opens a part of a format of text, decompressed.
func ReadText(ctx context.Context, store storage.Store, key string, f Format) (io.ReadCloser, error) {
	body, _, err := store.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, errs.E(errs.Other, "read part", key, err)
	}
	r := &textReader{Reader: body, ends: []func(){func() { _ = body.Close() }}} // it was only read
	switch f[len(f.base()):] {
	case ".gz":
		r.Reader, err = gzip.NewReader(bufio.NewReader(body))
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20)); err == nil {
			r.Reader, r.ends = z, append(r.ends, z.Close)
		}
	}
	if err != nil {
		_ = r.Close() // it does nothing but end
		return nil, errs.E(errs.Corrupt, "read part", key, err)
	}
	return r, nil
}

type textReader struct {
	io.Reader
	ends []func()
}

// Close ends what was opened.
func (r *textReader) Close() error {
	for _, end := range r.ends {
		end()
	}
	return nil
}

// ReadBatches gives the rows of a part of Parquet or Arrow, in batches that hold until the call returns.
func ReadBatches(ctx context.Context, store storage.Store, key string, f Format, do func(arrow.RecordBatch) error) error {
	info, err := store.Stat(ctx, key)
	if err != nil {
		return errs.E(errs.Other, "read part", key, err)
	}
	at := &ranges{ctx: ctx, store: store, info: info}
	body := io.NewSectionReader(at, 0, info.Size)
	var stop error // what do said, which says nothing of the part
	tell := func(b arrow.RecordBatch) error {
		stop = do(b)
		return stop
	}
	err = errs.Contain(func() error {
		if f.Base() == Parquet {
			return parquetBatches(ctx, body, tell)
		}
		return arrowBatches(body, tell)
	})
	if stop != nil {
		return stop
	}
	if err != nil && at.err != nil {
		return errs.E(errs.Other, "read part", key, at.err)
	}
	return errs.E(errs.Corrupt, "read part", key, err)
}

// rowsAtOnce is how many rows of a Parquet file are decoded at a time.
const rowsAtOnce = 4 << 10

func parquetBatches(ctx context.Context, body *io.SectionReader, do func(arrow.RecordBatch) error) (err error) {
	r, err := file.NewParquetReader(body)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	a, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: rowsAtOnce}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	rows, err := a.GetRecordReader(ctx, nil, nil)
	if err != nil {
		return err
	}
	defer rows.Release()
	for rows.Next() {
		if err := do(rows.RecordBatch()); err != nil {
			return err
		}
	}
	if err := rows.Err(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func arrowBatches(body *io.SectionReader, do func(arrow.RecordBatch) error) (err error) {
	r, err := ipc.NewFileReader(body)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i := range r.NumRecords() {
		b, err := r.RecordBatchAt(i)
		if err != nil {
			return err
		}
		err = do(b)
		b.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// ranges reads an object by ranges of it.
type ranges struct {
	ctx   context.Context
	store storage.Store
	info  storage.Info
	err   error // the first of a read, which says nothing of what the part holds
}

// ReadAt reads bytes of the version that was found first.
func (r *ranges) ReadAt(b []byte, off int64) (int, error) {
	if off >= r.info.Size {
		return 0, io.EOF
	}
	n, err := r.read(b, off)
	if err != nil && r.err == nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (r *ranges) read(b []byte, off int64) (int, error) {
	body, info, err := r.store.Open(r.ctx, r.info.Key, off, int64(len(b)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = body.Close() }() // it was only read
	if info.Version != r.info.Version {
		return 0, fmt.Errorf("%s has changed while it was read", r.info.Key)
	}
	n, err := io.ReadFull(body, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
