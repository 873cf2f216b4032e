package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mrctl/mrctl/internal/errs"
)

// OpenText reads the whole text of an object, decompressed as its name says. Every error names it. read is told of the bytes
// read as they are stored.
func OpenText(ctx context.Context, src Sources, o Object, read func(n int)) (io.ReadCloser, error) {
	codec := codecOf(o.URI, "")
	at, err := newObjectAt(ctx, src, Piece{URI: o.URI, Size: o.Size, Version: o.Version, Len: o.Size, Codec: codec})
	if err != nil {
		return nil, err
	}
	body, err := at.whole()
	if err != nil {
		return nil, err
	}
	t := &text{body: body, in: &counted{Reader: body, at: at, tell: read}}
	t.out = t.in
	if codec != "" && o.Size > 0 {
		if t.out, err = t.dec.reset(codec, t.in); err != nil {
			return nil, errors.Join(t.wrap(err), t.Close())
		}
	}
	return t, nil
}

// text is an open object.
type text struct {
	body io.Closer
	in   *counted
	dec  decoders
	out  io.Reader
	n    int64
}

// Read implements io.Reader.
func (t *text) Read(b []byte) (int, error) {
	n, err := t.out.Read(b)
	t.n += int64(n)
	return n, t.wrap(err)
}

// wrap tells what the archive is at fault for from what reading it is.
func (t *text) wrap(err error) error {
	p := t.in.at.p
	switch {
	case t.in.at.err != nil:
		return t.in.at.err
	case err == nil || atEnd(err) && t.in.n == p.Size:
		return err
	case atEnd(err) && p.Codec == "":
		return inputError(p.URI, shorter(p, t.in.n))
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the archive is cut off")
	}
	return errs.E(errs.Corrupt, "decompress", p.URI, fmt.Errorf("%s, at byte %d of its content: %w", p.Codec, t.n, err))
}

// Close ends what was opened.
func (t *text) Close() error {
	t.dec.close()
	return t.body.Close()
}

// Packed gives the name an object has once it is compressed with zstd. An object that is no text is refused.
func Packed(uri string) (string, error) {
	if (format{kind: byName}).columnar(uri) {
		return "", errs.E(errs.Invalid, "input", uri, errors.New("a file of Parquet or Arrow is compressed in itself and cut as it is"))
	}
	return unpacked(uri) + ".zst", nil
}
