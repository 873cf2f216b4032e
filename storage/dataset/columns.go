package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/typed"
)

// columnReader reads the rows of a split of tables: files of Parquet or Arrow. Such a file is a sequence of groups of rows
// (row groups, record batches), and a group belongs to the piece in which its first byte lies. It holds a batch of decoded
// rows and of the group what decoding it needs: see parquetTable and arrowTable. Where a row of text has the byte at which
// it begins, a row of Parquet or of a stream of Arrow has its number in the file, and one of a file of Arrow the byte at
// which its record batch begins plus its number in that.
type columnReader struct {
	ctx    context.Context // the reader's life
	cancel context.CancelFunc
	src    Sources
	opt    Options
	form   format
	cols   *typed.Columns
	pieces []Piece

	index int    // of the next piece
	cur   *table // the open one; nil between pieces
	out   rowBatch
	row   []byte // encoded, and of no batch yet
	err   error

	done atomic.Int64 // bytes of finished pieces
	part atomic.Int64 // bytes of the open one
}

// table is an open piece of a file.
type table struct {
	object string
	at     *objectAt
	groups groups
	rows   *typed.Table // of schema
	schema *arrow.Schema
	batch  arrow.RecordBatch // nil: the next is to be read
	first  int64             // the place of its first row
	next   int               // of its rows
}

// groups are the groups of rows of a piece.
type groups interface {
	// next gives a batch of rows, which holds until the next call, and the place of its first row. At the end it is io.EOF.
	next() (b arrow.RecordBatch, first int64, err error)
	// share is the part of the groups that are done, 0 to 1.
	share() float64
	schema() *arrow.Schema // of the whole file
	close() error
}

func openColumns(ctx context.Context, src Sources, split Split, opt Options, form format, cols *typed.Columns, out rowBatch) (*columnReader, error) {
	if err := split.Check(); err != nil {
		return nil, err
	}
	r := &columnReader{src: src, opt: opt, form: form, cols: cols, pieces: split.Pieces, out: out}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r, nil
}

// Next gives the next batch of rows, as Reader.Next does. Its reads end with the context of the reader.
func (r *columnReader) Next(ctx context.Context) (*rows.Records, error) {
	for r.err == nil {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		full, err := r.fill()
		if r.err = err; full || err == io.EOF {
			if out := r.out.finish(); out != nil {
				return out, nil
			}
		}
	}
	return nil, r.err
}

// fill goes on by one step: it opens a piece, reads a batch, or takes its rows. full: a row waits for another batch.
func (r *columnReader) fill() (full bool, err error) {
	switch {
	case r.cur == nil && r.index == len(r.pieces):
		return false, io.EOF
	case r.cur == nil:
		r.cur, err = openTable(r.ctx, r.src, r.pieces[r.index], r.form, r.cols, r.opt.MaxRecord)
		r.index++
		return false, err
	case r.cur.batch == nil:
		p := r.pieces[r.index-1]
		if err = r.cur.advance(r.cols); err != io.EOF {
			r.part.Store(int64(r.cur.groups.share() * float64(p.Len)))
			return false, err
		}
		err = r.cur.close()
		r.cur = nil
		r.part.Store(0)
		r.done.Add(p.Len)
		return false, err
	}
	err = r.cur.guard(func() (err error) {
		full, err = r.take()
		return err
	})
	return full, err
}

// take moves rows of the batch into the one that is handed over. An empty row that waits is simply made again.
func (r *columnReader) take() (full bool, err error) {
	t := r.cur
	for ; t.next < int(t.batch.NumRows()); t.next++ {
		at := t.first + int64(t.next)
		if len(r.row) == 0 {
			r.row, err = t.rows.Append(r.row[:0], t.next)
			if err == nil && int64(len(r.row)) > r.opt.MaxRecord {
				err = fmt.Errorf("longer than the largest record, %d bytes", r.opt.MaxRecord)
			}
			if err != nil {
				r.row = r.row[:0]
				if err = errs.E(errs.Invalid, "input", t.object, fmt.Errorf("row %d: %w", at, err)); r.opt.OnBad == nil {
					return false, err
				}
				r.opt.OnBad(t.object, at, nil, err)
				continue
			}
		}
		if fits, err := r.out.put(r.row, t.object, at); err != nil || !fits {
			return true, err
		}
		r.row = r.row[:0]
	}
	t.batch = nil
	return false, nil
}

// Read is as Reader.Read.
func (r *columnReader) Read() int64 { return r.done.Load() + r.part.Load() }

// Close ends all reads.
func (r *columnReader) Close() (err error) {
	r.cancel()
	if r.cur != nil {
		err = r.cur.close()
		r.cur = nil
	}
	if r.err == nil {
		r.err = errs.New(errs.Invalid, "read of a closed split")
	}
	return err
}

func openTable(ctx context.Context, src Sources, p Piece, form format, cols *typed.Columns, limit int64) (*table, error) {
	form, err := form.of(p.URI)
	if err != nil {
		return nil, err
	}
	at, err := newObjectAt(ctx, src, p)
	if err != nil {
		return nil, err
	}
	t := &table{object: p.URI, at: at}
	if err = t.guard(func() (err error) {
		if form.kind == parquetFile {
			t.groups, err = openParquet(ctx, at, cols)
		} else {
			t.groups, err = openArrow(at, max(limit, DefaultMaxRecord))
		}
		return t.damaged(err)
	}); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *table) close() error { return t.guard(func() error { return t.damaged(t.groups.close()) }) }

// advance reads the next batch.
func (t *table) advance(cols *typed.Columns) error {
	return t.guard(func() (err error) {
		t.next = 0
		if t.batch, t.first, err = t.groups.next(); err != nil {
			t.batch = nil
			return t.damaged(err)
		}
		for i, c := range t.batch.Columns() {
			if int64(c.Len()) != t.batch.NumRows() {
				return t.damaged(fmt.Errorf("column %d of a batch of %d rows has %d", i, t.batch.NumRows(), c.Len()))
			}
		}
		if s := t.batch.Schema(); s != t.schema {
			if t.rows, err = match(cols, s); err != nil {
				return t.damaged(err)
			}
			t.schema = s
		}
		t.rows.Bind(t.batch)
		return nil
	})
}

// match finds the columns in a schema; the error is an errs.Invalid.
func match(cols *typed.Columns, schema *arrow.Schema) (*typed.Table, error) {
	t, err := cols.Table(schema)
	if err != nil {
		return nil, errs.E(errs.Invalid, "", "", err)
	}
	return t, nil
}

// damaged says what is wrong with a file: what the job wants of it, or its bytes.
func (t *table) damaged(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errs.Is(err, errs.Invalid):
		return errs.E(errs.Invalid, "input", t.object, err)
	}
	return errs.E(errs.Corrupt, "input", t.object, fmt.Errorf("it is damaged, or of another format than its name says: %w", err))
}

// guard contains what a damaged file does to its decoder, and tells what befell a read from what the file is at fault for.
func (t *table) guard(work func() error) error {
	err := errs.Contain(work)
	if err != nil && t.at.err != nil {
		return t.at.err
	}
	if p, panicked := errs.Panicked(err); panicked {
		return t.damaged(fmt.Errorf("%v", p.Value))
	}
	return err
}

// checkColumns says why a file cannot be read as rows of these columns.
func checkColumns(ctx context.Context, src Sources, p Piece, form format, cols *typed.Columns) (err error) {
	if p.Codec != "" {
		return errs.E(errs.Invalid, "input", p.URI, errPacked)
	}
	t, err := openTable(ctx, src, p, form, cols, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	return t.guard(func() error {
		_, err := match(cols, t.groups.schema())
		return t.damaged(err)
	})
}

// errPacked is of a table within an archive.
var errPacked = errors.New("a compressed file of Parquet or Arrow cannot be read from its end, where its columns are listed: unpack it")
