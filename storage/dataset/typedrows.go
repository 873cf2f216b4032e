package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/typed"
)

// headBytes is how far into an object a header may begin its last line.
const headBytes = 64 << 10

// RowReader reads the records of a split of CSV or JSON lines as encoded rows (see internal/codec). It stands on a Reader
// of lines, so that what cuts objects into splits is one rule: the line belongs to the split its first byte is in. CSV is
// only cut where that is known to be right (see Plan). It is not safe for concurrent use, Read excepted.
type RowReader struct {
	*input
	src  Sources
	opt  Options
	form format
	cols *typed.Columns

	parser typed.Parser
	object string // that parser is in; "": none
	at     int64  // where rest begins in it
	rest   []byte // of it, not parsed yet
	own    []byte // the memory of rest where that is of several batches
	enough int    // bytes of rest below which no record is looked for: half of them held none

	lent *rows.Records // the batch that rest is of
	next int           // of its origins

	out     rowBatch
	row     []byte // encoded, and of no batch yet
	rowAt   int64
	pending bool // row waits
	spare   []*rows.Records
	err     error
}

// input is the reader of lines.
type input struct{ r *Reader }

// Read is Reader.Read, Close is Reader.Close.
func (i *input) Read() int64  { return i.r.Read() }
func (i *input) Close() error { return i.r.Close() }

// Rows reads the rows of a split, as Reader reads records of text. It is not safe for concurrent use, Read excepted.
type Rows interface {
	Next(ctx context.Context) (*rows.Records, error)
	Read() int64
	Close() error
}

// OpenRows is Open for rows of these columns. Options.Terminated has no effect.
func OpenRows(ctx context.Context, src Sources, split Split, opt Options, columns []arrow.Field) (Rows, error) {
	form, err := parseFormat(opt.Format)
	if err == nil && !form.typed() {
		err = errs.New(errs.Invalid, "input format %q gives no rows", opt.Format)
	}
	if err != nil {
		return nil, err
	}
	cols, err := typed.New(columns)
	if err != nil {
		return nil, errs.E(errs.Invalid, "columns of the input", "", err)
	}
	own := opt
	if own.Buffer == nil {
		own.Buffer = func(n int) *rows.Records { return &rows.Records{Data: make([]byte, 0, n)} }
	}
	if own.Batch == 0 {
		own.Batch = DefaultBatch
	}
	if own.MaxRecord == 0 {
		own.MaxRecord = DefaultMaxRecord
	}
	out := rowBatch{buffer: own.Buffer, size: own.Batch}
	if len(split.Pieces) > 0 && form.columnar(split.Pieces[0].URI) {
		return openColumns(ctx, src, split, own, form, cols, out)
	}
	r := &RowReader{src: src, opt: own, form: form, cols: cols, out: out}
	opt.Format, opt.Terminated, opt.Buffer = "lines", true, r.buffer
	in, err := Open(ctx, src, split, opt)
	if err != nil {
		return nil, err
	}
	r.input = &input{in}
	return r, nil
}

// buffer is memory for lines, used before if it can be.
func (r *RowReader) buffer(n int) *rows.Records {
	for len(r.spare) > 0 {
		b := r.spare[len(r.spare)-1]
		r.spare = r.spare[:len(r.spare)-1]
		if cap(b.Data) >= n {
			return b
		}
	}
	return &rows.Records{Data: make([]byte, 0, n), Off: make([]int32, 0, n/shortLine+2)}
}

// shortLine is the bytes of a line that a batch has an offset for.
const shortLine = 8

// Next gives the next batch of rows, as Reader.Next does.
func (r *RowReader) Next(ctx context.Context) (*rows.Records, error) {
	if r.err != nil {
		return nil, r.err
	}
	for r.err = r.fill(ctx); r.err == nil || r.err == io.EOF; r.err = r.fill(ctx) {
		if r.pending || r.err == io.EOF {
			if out := r.out.finish(); out != nil {
				return out, nil
			}
		}
		if r.err == io.EOF {
			break
		}
	}
	return nil, r.err
}

// fill parses until a row is to go into another batch, or there is no more.
func (r *RowReader) fill(ctx context.Context) error {
	for {
		if r.pending {
			if fits, err := r.out.put(r.row, r.object, r.rowAt); err != nil || !fits {
				return err
			}
			r.pending = false
		}
		if len(r.rest) > 0 && len(r.rest) >= r.enough {
			parsed, err := r.parse(false)
			if err != nil {
				return err
			}
			if parsed {
				continue
			}
		}
		if err := r.more(ctx); err != nil {
			return err
		}
	}
}

// parse takes one record off rest. It reports false where more of the object is needed for it.
func (r *RowReader) parse(final bool) (bool, error) {
	row, n, ok, err := r.parser.Next(r.row[:0], r.rest, final)
	if n == 0 && err == nil {
		if int64(len(r.rest)) > r.opt.MaxRecord {
			return false, r.wrong(fmt.Errorf("longer than the largest record, %d bytes: is a quote not closed?", r.opt.MaxRecord))
		}
		r.enough = int(min(2*int64(len(r.rest)), r.opt.MaxRecord+1)) // or a long record were looked through for each of its batches
		return false, nil
	}
	r.row, r.rowAt, r.pending = row, r.at, ok
	if err != nil {
		var fatal *typed.Fatal
		if bad := r.wrong(err); r.opt.OnBad == nil || errors.As(err, &fatal) {
			return false, bad
		}
		r.opt.OnBad(r.object, r.at, bytes.TrimRight(r.rest[:n], "\r\n"), err)
	}
	r.at += int64(n)
	r.rest, r.enough = r.rest[n:], 0
	return true, nil
}

func (r *RowReader) wrong(err error) error {
	return errs.E(errs.Invalid, "input", r.object, fmt.Errorf("at byte %d: %w", r.at, err))
}

// more goes on to the next lines of the object, or to the next object.
func (r *RowReader) more(ctx context.Context) error {
	if r.lent != nil && r.next == len(r.lent.Origins) {
		if len(r.rest) > 0 {
			r.keep(nil)
		}
		r.spare = append(r.spare, &rows.Records{Data: r.lent.Data[:0], Off: r.lent.Off[:0]})
		r.lent = nil
	}
	if r.lent == nil {
		b, err := r.r.Next(ctx)
		if err == io.EOF && len(r.rest) > 0 {
			_, err = r.parse(true)
			return err
		}
		if err != nil {
			return err
		}
		r.lent, r.next = b, 0
	}
	o, end := r.lent.Origins[r.next], r.lent.Len()
	if r.next+1 < len(r.lent.Origins) {
		end = r.lent.Origins[r.next+1].Row
	}
	data := r.lent.Data[r.lent.Off[o.Row]:r.lent.Off[end]]
	if o.Object == r.object && o.Offset == r.at+int64(len(r.rest)) {
		if r.next++; len(r.rest) > 0 {
			r.keep(data)
		} else {
			r.rest = data
		}
		return nil
	}
	if len(r.rest) > 0 { // the object has ended, or a line too long was left out of it
		_, err := r.parse(true)
		return err
	}
	r.next++
	return r.enter(ctx, o, data)
}

// keep moves what is left to memory that stays, with data after it.
func (r *RowReader) keep(data []byte) {
	if len(r.own) != len(r.rest) || &r.own[0] != &r.rest[0] { // else it is there already
		r.own = append(r.own[:0], r.rest...)
	}
	r.own = append(r.own, data...)
	r.rest = r.own
}

// enter begins with what follows an origin.
func (r *RowReader) enter(ctx context.Context, o rows.Origin, data []byte) (err error) {
	again := r.object == o.Object
	r.object, r.at, r.rest = o.Object, o.Offset, data
	if again {
		return nil
	}
	form, err := r.form.of(o.Object)
	switch {
	case err != nil:
	case form.kind == jsonl:
		r.parser = r.cols.JSON()
	case o.Offset == 0 || form.bare:
		r.parser, err = r.cols.CSV(form.dialect, !form.bare)
	default:
		i := slices.IndexFunc(r.r.pieces, func(p Piece) bool { return p.URI == o.Object })
		r.parser, err = within(ctx, r.src, r.r.pieces[i], form, r.cols)
	}
	if err != nil {
		err = errs.E(errs.Invalid, "input", o.Object, err)
	}
	return err
}

// within reads the header of an object and gives the parser of what follows it.
func within(ctx context.Context, src Sources, p Piece, form format, cols *typed.Columns) (_ typed.Parser, err error) {
	if p.Off, p.Len, p.Text = 0, p.Size, 0; p.Codec == "" {
		p.Len = min(p.Size, headBytes)
	}
	r, err := Open(ctx, src, Split{Pieces: []Piece{p}, Bytes: p.Len}, Options{Terminated: true, Batch: headBytes, ReadAhead: 2 * headBytes})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var head []byte
	b, err := r.Next(ctx)
	if err == nil {
		head = b.Data
	} else if err != io.EOF {
		return nil, err
	}
	if len(head) == 0 { // an archive of nothing, which has no rows: an object of 0 bytes needs no header either
		return cols.CSV(form.dialect, true)
	}
	return cols.Within(form.dialect, head)
}

// mostHeads bounds the objects whose headers are read before any work.
const mostHeads = 16

// CheckColumns says, as an errs.Invalid that names the object, why rows of these columns cannot be read of some objects:
// what the columns are, and what the headers of the first few objects of CSV, Parquet and Arrow say. Where these cannot be
// read just now the error says so by its kind.
func CheckColumns(ctx context.Context, src Sources, objects []Object, name, decompress string, columns []arrow.Field) error {
	form, err := parseFormat(name)
	if err != nil || !form.typed() {
		return err
	}
	cols, err := typed.New(columns)
	if err != nil {
		return errs.E(errs.Invalid, "columns of the input", "", err)
	}
	heads := 0
	for _, o := range objects {
		f, err := form.of(o.URI)
		p := Piece{URI: o.URI, Size: o.Size, Version: o.Version, Codec: codecOf(o.URI, decompress)}
		if err == nil && f.kind >= parquetFile && o.Size > 0 && heads < mostHeads {
			heads++
			err = checkColumns(ctx, src, p, f, cols)
		}
		if err == nil && f.kind == csv {
			err = cols.ErrNested()
			if err == nil && !f.bare && o.Size > 0 && heads < mostHeads {
				heads++
				_, err = within(ctx, src, p, f, cols)
			}
		}
		switch errs.KindOf(err) { // a store that is away says nothing of the job: it is asked again
		case errs.Unavailable, errs.Canceled:
			return err
		}
		if err != nil {
			return errs.E(errs.Invalid, "input", o.URI, err)
		}
	}
	return nil
}
