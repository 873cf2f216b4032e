package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// Defaults of Options.
const (
	DefaultBatch     = 1 << 20
	DefaultReadAhead = 16 << 20
	DefaultMaxRecord = 256 << 20
)

// Options says how a split is read.
type Options struct {
	Format    string // an input format; "" is "lines"
	MaxRecord int64  // bytes of the largest record, terminators left out; 0 is DefaultMaxRecord, the limit is MaxRecord
	// Terminated leaves the terminators on lines, so that their bytes need not be moved. It has no effect on others.
	Terminated bool
	// Batch is the bytes a batch is asked for with, unless a record needs more; 0 is DefaultBatch.
	Batch int
	// ReadAhead bounds the bytes fetched before they are asked for; 0 is DefaultReadAhead.
	ReadAhead int64
	// Buffer gives memory for a batch: Data of length 0 and capacity n at least, and Off, whose capacity, when it is
	// 2 or more, bounds the rows. It may block; nil from it means that nobody wants batches any more. At most two
	// buffers are held that Next has not returned, and at the end of input they are not given back. A nil func makes
	// plain memory.
	Buffer func(n int) *rows.Records
	// OnBad is told of a record that is too long, or no row, which is then skipped: where it begins, its text where it has one that
	// was held, good for the call, and why. Without it such a record is an error.
	OnBad func(object string, off int64, record []byte, err error)
}

// tuning is what tests make small.
type tuning struct {
	chunk int64 // bytes of one request for a part of a large object
	small int64 // a file on this machine up to this size is read whole, ahead
	slack int64 // bytes fetched with a range of lines beyond its end, for the last line
	step  int   // bytes read at once before they are looked through: what stays in cache
}

var usual = tuning{chunk: 4 << 20, small: 256 << 10, slack: 64 << 10, step: 128 << 10}

// Reader reads the records of a split in order. It is not safe for concurrent use, Read excepted.
type Reader struct {
	opt    Options
	form   format
	tune   tuning
	pieces []Piece
	ahead  *ahead
	dec    decoders

	index   int   // of the next piece to open
	cur     *body // the open piece; nil between pieces
	b       batch
	spare   *rows.Records // a buffer asked for and not used
	carry   []byte        // lines: bytes of cur read and not used, what follows the last row of the last batch
	archive *heap         // files: the content of cur, waiting for an empty batch

	done atomic.Int64 // bytes of finished pieces
	part atomic.Int64 // bytes read of the open one
	err  error        // what Next returns from now on
}

// Open begins to read a split. Every object must still be of the version planned: a changed one is an errs.Conflict
// from Next that names it. ctx governs the reads until Close.
func Open(ctx context.Context, src Sources, split Split, opt Options) (*Reader, error) {
	return open(ctx, src, split, opt, usual)
}

func open(ctx context.Context, src Sources, split Split, opt Options, tune tuning) (*Reader, error) {
	form, err := parseFormat(opt.Format)
	if err != nil {
		return nil, err
	}
	if err := split.Check(); err != nil {
		return nil, err
	}
	if opt.Batch == 0 {
		opt.Batch = DefaultBatch
	}
	if opt.ReadAhead == 0 {
		opt.ReadAhead = DefaultReadAhead
	}
	if opt.MaxRecord == 0 {
		opt.MaxRecord = DefaultMaxRecord
	}
	if opt.MaxRecord < 0 || opt.MaxRecord > MaxRecord || form.kind == fixed && form.size > opt.MaxRecord {
		return nil, errs.New(errs.Invalid, "largest record %d bytes: it must be at most %d, and %q must fit in it",
			opt.MaxRecord, MaxRecord, opt.Format)
	}
	if opt.Buffer == nil {
		opt.Buffer = func(n int) *rows.Records { return &rows.Records{Data: make([]byte, 0, n)} }
	}
	tune.chunk = min(tune.chunk, max(1, opt.ReadAhead/4))
	tune.small = min(tune.small, tune.chunk)
	r := &Reader{opt: opt, form: form, tune: tune, pieces: split.Pieces}
	r.ahead = newAhead(ctx, src, opt.ReadAhead, r.requests())
	return r, nil
}

// requests yields what to fetch of the pieces, in order.
func (r *Reader) requests() iter.Seq[*fetch] {
	return func(yield func(*fetch) bool) {
		for i, p := range r.pieces {
			from, to := r.span(p)
			direct := !remote(p.URI) && to-from > r.tune.small
			for from < to {
				n := to - from
				if !direct {
					n = min(n, r.tune.chunk)
				}
				if !yield(&fetch{piece: i, p: p, off: from, n: n, direct: direct}) {
					return
				}
				from += n
			}
		}
	}
}

// span is the range of bytes to read for a piece. Of lines, the byte before tells whether one begins with the piece,
// and the last may go on beyond it.
func (r *Reader) span(p Piece) (from, to int64) {
	from, to = p.Off, p.Off+p.Len
	if r.form.kind == lines && p.Codec == "" {
		if from > 0 {
			from--
		}
		to = min(p.Size, to+r.tune.slack)
	}
	return from, to
}

// Next gives the next batch; it belongs to the caller. At the end of the split it is io.EOF. Errors name the object;
// after one, Next returns it again.
func (r *Reader) Next(ctx context.Context) (*rows.Records, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.cur != nil {
		r.cur.raw.ctx = ctx
	}
	rec, err := r.batch(ctx)
	if err != nil {
		r.err = err
	}
	return rec, err
}

func (r *Reader) batch(ctx context.Context) (*rows.Records, error) {
	for {
		if r.cur == nil {
			if r.index == len(r.pieces) {
				break
			}
			if err := r.openPiece(ctx); err != nil {
				return nil, err
			}
		}
		full, err := r.fill()
		if err != nil {
			return nil, err
		}
		r.progress()
		if !full {
			r.closePiece()
		} else if rec := r.b.finish(); rec != nil {
			return rec, nil
		}
	}
	if rec := r.b.finish(); rec != nil {
		return rec, nil
	}
	r.spare, r.b.rec = r.b.rec, nil
	return nil, io.EOF
}

// fill adds records of the open piece to the batch. full means that the batch is to be handed over before more is
// added; otherwise the piece is done.
func (r *Reader) fill() (full bool, err error) {
	switch r.form.kind {
	case files:
		return r.fillFile()
	case fixed:
		return r.fillFixed()
	default:
		return r.fillLines()
	}
}

func (r *Reader) openPiece(ctx context.Context) (err error) {
	p := r.pieces[r.index]
	from, to := r.span(p)
	if r.form.kind == lines {
		to = p.Size
	}
	in := &raw{ctx: ctx, a: r.ahead, index: r.index, p: p, tune: r.tune, pos: from, to: to, more: max(1, r.tune.slack)}
	r.index++
	r.cur, err = newBody(in, &r.dec, from == p.Off)
	return err
}

func (r *Reader) closePiece() {
	r.cur.raw.close()
	r.done.Add(r.cur.piece.Len)
	r.part.Store(0)
	r.cur = nil
}

func (r *Reader) progress() {
	p := r.cur.piece
	r.part.Store(max(0, min(r.cur.raw.pos-p.Off, p.Len)))
}

// Read is how many of the split's bytes are done. Any goroutine may call it.
func (r *Reader) Read() int64 { return r.done.Load() + r.part.Load() }

// Close ends all reads and waits for them.
func (r *Reader) Close() error {
	r.ahead.cancel()
	if r.cur != nil {
		r.cur.raw.close()
		r.cur = nil
	}
	r.ahead.close()
	r.dec.close()
	if r.err == nil {
		r.err = errs.New(errs.Invalid, "read of a closed split")
	}
	return nil
}

var errNoBuffer = errors.New("nobody takes batches any more")

// need makes the batch have room for n bytes in all. The batch must be empty.
func (r *Reader) need(n int) error {
	if r.b.rec != nil {
		if len(r.b.buf) >= n {
			return nil
		}
		if r.spare == nil {
			r.spare = r.b.rec
		}
		r.b.rec = nil
	}
	rec := r.spare
	if rec != nil && cap(rec.Data) >= n {
		r.spare = nil
	} else if rec = r.opt.Buffer(max(n, r.opt.Batch)); rec == nil {
		return errs.E(errs.Canceled, "read input", r.cur.piece.URI, errNoBuffer)
	}
	rec.Terminated = r.opt.Terminated && r.form.kind == lines // or whoever maps them takes the terminators for text
	r.b.start(rec, max(n, r.opt.Batch))
	return nil
}

// bad sets a record aside that is too long.
func (r *Reader) bad(off int64) error {
	err := errs.E(errs.Invalid, "record", r.cur.piece.URI,
		fmt.Errorf("at byte %d: longer than the largest record, %d bytes", off, r.opt.MaxRecord))
	if r.opt.OnBad == nil {
		return err
	}
	r.opt.OnBad(r.cur.piece.URI, off, nil, err)
	return nil
}
