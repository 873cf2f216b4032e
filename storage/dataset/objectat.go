package dataset

import (
	"context"
	"io"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// objectAt reads ranges of an object as it was planned, each with a request of its own.
type objectAt struct {
	ctx context.Context // of whoever opened it
	src storage.Source
	key string
	p   Piece
	err error // the first of a read
}

func newObjectAt(ctx context.Context, src Sources, p Piece) (*objectAt, error) {
	store, key, err := src.Source(p.URI)
	return &objectAt{ctx: ctx, src: store, key: key, p: p}, err
}

// section is the whole object.
func (o *objectAt) section() *io.SectionReader { return io.NewSectionReader(o, 0, o.p.Size) }

// ReadAt implements io.ReaderAt.
func (o *objectAt) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 || off >= o.p.Size {
		return 0, io.EOF
	}
	short := int64(len(b)) > o.p.Size-off
	if short {
		b = b[:o.p.Size-off]
	}
	if n, err = o.read(b, off); err != nil {
		if o.err == nil {
			o.err = err
		}
		return n, err
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}

func (o *objectAt) read(b []byte, off int64) (n int, err error) {
	body, _, err := o.src.Open(o.ctx, o.key, off, int64(len(b)), o.p.Version)
	if err != nil {
		return 0, inputError(o.p.URI, err)
	}
	defer func() {
		if closeErr := body.Close(); err == nil {
			err = inputError(o.p.URI, closeErr)
		}
	}()
	if n, err = io.ReadFull(body, b); err == io.EOF || err == io.ErrUnexpectedEOF {
		err = shorter(o.p, off+int64(n))
	}
	return n, inputError(o.p.URI, err)
}

// within says, as an errs.Corrupt, that a range which the object itself names does not lie in it.
func (o *objectAt) within(off, n int64) error {
	if off < 0 || n < 0 || off > o.p.Size || n > o.p.Size-off {
		return errs.New(errs.Corrupt, "it says that %d bytes at byte %d are its own, and it has %d", n, off, o.p.Size)
	}
	return nil
}

// whole opens the object to be read from its beginning.
func (o *objectAt) whole() (io.ReadCloser, error) {
	body, _, err := o.src.Open(o.ctx, o.key, 0, -1, o.p.Version)
	if err != nil {
		return nil, inputError(o.p.URI, err)
	}
	return body, nil
}
