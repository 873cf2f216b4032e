package dataset

import (
	"bufio"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/xzblocks"
)

// maxWindow is how far back a zstd frame may refer, in bytes: what the zstd program takes without being asked.
const maxWindow = 128 << 20

// raw is the stored bytes of one piece, in order from where its requests begin. For lines it goes on beyond the end of
// the piece, up to the end of the object.
type raw struct {
	ctx   context.Context // of the call of Next under way; set by Reader.Next
	a     *ahead
	index int
	p     Piece
	tune  tuning
	pos   int64 // of the next byte
	to    int64 // where it ends
	more  int64 // bytes the next request beyond the planned ones asks for
	cur   *fetch
	data  []byte // what is left of cur, when that is in memory
	left  int64  // what is left of cur, when that is a body
	err   error  // the first error that was not io.EOF
}

// Read implements io.Reader.
func (r *raw) Read(p []byte) (int, error) {
	n, err := r.read(p)
	if err != nil && !atEnd(err) && r.err == nil {
		r.err = err
	}
	r.pos += int64(n)
	return n, err
}

func (r *raw) read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if len(r.data) > 0 {
			n := copy(p, r.data)
			r.data = r.data[n:]
			return n, nil
		}
		if r.left > 0 {
			return r.readBody(p)
		}
		if err := r.advance(); err != nil {
			return 0, err
		}
	}
}

func (r *raw) readBody(p []byte) (int, error) {
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.cur.body.Read(p)
	r.left -= int64(n)
	switch {
	case atEnd(err) && r.left > 0:
		return n, inputError(r.p.URI, shorter(r.p, r.pos+int64(n)))
	case err != nil && !atEnd(err):
		return n, inputError(r.p.URI, err)
	case r.left == 0:
		err := r.cur.body.Close()
		r.cur.body = nil
		return n, inputError(r.p.URI, err)
	}
	return n, nil
}

// advance goes on to the next request: a planned one, or one more beyond them.
func (r *raw) advance() error {
	if r.cur != nil {
		r.a.release(r.cur)
		r.cur = nil
	}
	f, err := r.a.take(r.ctx, r.index)
	if err != nil {
		return err
	}
	if f == nil {
		if r.pos >= r.to {
			return io.EOF
		}
		f = &fetch{piece: r.index, p: r.p, off: r.pos, n: min(r.more, r.to-r.pos)}
		r.more = min(2*r.more, r.tune.chunk)
		if err := r.a.now(f); err != nil {
			return err
		}
	}
	r.cur, r.data = f, f.data
	if f.direct {
		r.left = f.n
	}
	return nil
}

func (r *raw) close() {
	if r.cur != nil {
		r.a.release(r.cur)
	}
	r.a.skip(r.index)
}

// body is an open piece: its bytes, decompressed.
type body struct {
	piece Piece
	raw   *raw
	in    io.Reader // raw, or a decoder over it
	at    int64     // offset, in the decompressed object, of the next byte Read gives
	end   int64     // lines that begin here or later are another split's
	skip  bool      // bytes up to the next "\n" are dropped
	// rest, of a part of an archive, gives what follows it: the last line may end there. nil: there is nothing more.
	rest func() (io.Reader, error)
}

// decoders are kept between pieces: they are dear to make.
type decoders struct {
	buf  *bufio.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
	lz4  *lz4.Reader
}

func (d *decoders) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

// open puts the decoder that the codec asks for over raw.
func (d *decoders) open(codec string, r *raw) (io.Reader, error) {
	if codec == "" || r.p.Size == 0 {
		return r, nil
	}
	codec, _, _ = strings.Cut(codec, "-")
	return d.reset(codec, r)
}

// reset puts the decoder of a codec over any bytes.
func (d *decoders) reset(codec string, r io.Reader) (io.Reader, error) {
	if d.buf == nil {
		d.buf = bufio.NewReaderSize(nil, 64<<10)
	}
	d.buf.Reset(r)
	var err error
	switch codec {
	case codecGzip:
		if d.gzip == nil {
			d.gzip = new(gzip.Reader)
		}
		return d.gzip, d.gzip.Reset(d.buf)
	case codecBzip2:
		return bzip2.NewReader(d.buf), nil
	case codecLZ4:
		if d.lz4 == nil {
			d.lz4 = lz4.NewReader(nil)
		}
		d.lz4.Reset(d.buf)
		return d.lz4, nil
	case codecXZ:
		return xzblocks.NewReader(d.buf), nil
	case codecZstd:
		if d.zstd == nil {
			d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				return nil, err
			}
		}
		return d.zstd, d.zstd.Reset(d.buf)
	}
	return nil, errs.New(errs.Invalid, "codec %q is not known", codec)
}

func newBody(r *raw, d *decoders, lineStart bool) (*body, error) {
	b := &body{piece: r.p, raw: r, at: r.pos, end: r.p.Off + r.p.Len, skip: !lineStart}
	var err error
	if r.p.Codec == "" {
		b.in = r
		return b, nil
	}
	b.end = math.MaxInt64
	if r.p.Len == r.p.Size {
		b.in, err = d.open(r.p.Codec, r)
		return b, b.wrap(err)
	}
	b.at, b.skip = r.p.Text, r.p.Off > 0
	if b.in, b.rest, err = d.openPart(r); r.p.Off+r.p.Len == r.p.Size {
		b.rest = nil
	}
	return b, b.wrap(err)
}

// Read implements io.Reader. Like ReadFull it never gives no bytes without an error.
func (b *body) Read(p []byte) (int, error) {
	for {
		n, err := b.in.Read(p)
		b.at += int64(n)
		if n > 0 && atEnd(err) {
			err = nil // it comes again
		}
		if n == 0 && atEnd(err) && b.rest != nil {
			// A line that begins with the first byte of what follows is of this piece too: see format.cuttable.
			b.end = b.at + 1
			b.in, err = b.rest()
			b.rest = nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, b.wrap(err)
		}
	}
}

// wrap tells what the archive is at fault for from what reading it is.
func (b *body) wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case b.raw.err != nil:
		return b.raw.err
	case b.piece.Codec == "" || b.piece.Size == 0:
		return err
	case atEnd(err) && b.raw.pos == b.piece.Size:
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the archive is cut off")
		if p := b.piece; p.Codec == codecZstd && p.Off+p.Len < p.Size {
			err = fmt.Errorf("no frame ends at byte %d, where one seems to begin: the archive is damaged, or that is text of it; "+
				"mrctl repack makes one that is cut for sure", p.Off+p.Len)
		}
	}
	return errs.E(errs.Corrupt, "decompress", b.piece.URI, fmt.Errorf("%s, at byte %d of its content: %w", b.piece.Codec, b.at, err))
}
