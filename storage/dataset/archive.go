package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/internal/bzblocks"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/xzblocks"
	"github.com/mrctl/mrctl/internal/zframes"
)

// Compressions, by what Piece.Codec calls them.
const (
	codecGzip  = "gzip"
	codecZstd  = "zstd"
	codecBzip2 = "bzip2"
	codecLZ4   = "lz4"
	codecXZ    = "xz" // of a part of one also with the check of its blocks: "xz-crc64"
)

// archives are the compressions by the ends of names.
var archives = []struct{ end, codec string }{{".gz", codecGzip}, {".zst", codecZstd}, {".bz2", codecBzip2}, {".lz4", codecLZ4}, {".xz", codecXZ}}

// codecOf names the compression of an object by its name, as decompress ("auto", "none" or "") asks.
func codecOf(uri, decompress string) string {
	if decompress == "none" {
		return ""
	}
	for _, a := range archives {
		if strings.HasSuffix(uri, a.end) {
			return a.codec
		}
	}
	return ""
}

// unpacked is a name without the end that says how it is compressed.
func unpacked(name string) string {
	for _, a := range archives {
		if base, packed := strings.CutSuffix(name, a.end); packed {
			return base // the one that codecOf names
		}
	}
	return name
}

// cuttable reports that an archive of text may be cut where its own parts begin. A line there belongs to the piece in whose
// text it begins, the first byte of the text left out: whether a line begins with that, only the part before can tell.
func (f format) cuttable() bool {
	return f.kind == lines || f.kind == jsonl || f.kind == csv && f.dialect.Lines
}

// mostLooked bounds what Probe looks at in vain for frames, of all objects together, in bytes: where there are so many large ones,
// there are tasks enough as it is.
const mostLooked = 1 << 30

// Probe finds out where the large ones among objects that are compressed with zstd or xz can be cut: it reads their seek
// tables and indices, and where zstd has no table it looks for frames. Plan cuts them there.
func Probe(ctx context.Context, src Sources, objects []Object, o PlanOptions) error {
	f, err := parseFormat(o.Format)
	if err != nil {
		return err
	}
	var large []*Object
	for i := range objects {
		own, err := f.of(objects[i].URI)
		codec := codecOf(objects[i].URI, o.Decompress)
		if err == nil && own.cuttable() && objects[i].Size > o.SplitSize && (codec == codecZstd || codec == codecXZ) {
			large = append(large, &objects[i])
		}
	}
	look := min(zframes.MaxLook, mostLooked/int64(max(len(large), 1)))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(aheadRequests)
	for _, obj := range large {
		codec := codecOf(obj.URI, o.Decompress)
		g.Go(func() error {
			at, err := newObjectAt(ctx, src, Piece{URI: obj.URI, Size: obj.Size, Version: obj.Version})
			if err != nil {
				return err
			}
			if err = obj.probe(at, codec, o.SplitSize, look); at.err != nil {
				return at.err
			}
			return err
		})
	}
	return g.Wait()
}

// probe finds the frames, or blocks, of an archive, at least those by which it is cut into pieces of about size bytes.
// look is how many bytes are looked at in vain.
func (o *Object) probe(at io.ReaderAt, codec string, size, look int64) (err error) {
	if codec == codecZstd {
		if o.frames, err = zframes.Read(at, o.Size); errors.Is(err, zframes.ErrNone) {
			o.frames, err = zframes.Find(at, o.Size, wishes(o.Size, size), look)
		}
	} else {
		var blocks []xzblocks.Block
		if blocks, o.check, err = xzblocks.Find(at, o.Size); len(blocks) > 1 {
			for _, b := range blocks {
				o.frames = append(o.frames, zframes.Frame(b))
			}
		}
	}
	if err != nil && !errors.Is(err, zframes.ErrNone) && !errors.Is(err, xzblocks.ErrNone) {
		return errs.E(errs.Corrupt, "input", o.URI, err)
	}
	return nil
}

// wishes are the places at which an object would be cut into equal pieces of about size bytes.
func wishes(whole, size int64) []int64 {
	n := ceilDiv(whole, size)
	list := make([]int64, n-1)
	for i := range list {
		list[i] = whole / n * int64(i+1)
	}
	return list
}

// framePieces gives an object in pieces of whole frames, about equal ones of about size bytes.
func framePieces(obj Object, p Piece, size int64, yield func(Piece) bool) {
	for _, want := range wishes(obj.Size, size) {
		// A piece begins with the first frame at or after where it should.
		next := sort.Search(len(obj.frames), func(k int) bool { return obj.frames[k].Off >= want })
		if next == len(obj.frames) {
			break
		}
		f := obj.frames[next]
		if p.Len = f.Off - p.Off; p.Len > 0 && !yield(p) {
			return
		}
		p.Off, p.Text = f.Off, f.Text
	}
	if p.Len = obj.Size - p.Off; p.Len > 0 {
		yield(p)
	}
}

// wholeWarning says why a large archive is one task, and what helps.
func wholeWarning(obj Object, f format, codec string) string {
	switch {
	case !f.cuttable() && f.kind != csv:
		return fmt.Sprintf("input %s is compressed and its records are no lines, so it is not cut: one task reads all of its %d bytes", obj.URI, obj.Size)
	case codec == codecZstd && f.cuttable():
		return fmt.Sprintf("input %s is zstd of one frame, or of very long ones, and cannot be cut: one task reads all of its %d bytes; mrctl repack makes several of it", obj.URI, obj.Size)
	case f.kind == csv && !f.cuttable() && (codec == codecZstd || codec == codecBzip2 || codec == codecXZ):
		return fmt.Sprintf("input %s is CSV, whose quoted fields may hold line breaks, and is not cut: one task reads all of its %d bytes; "+
			"if no field holds one, --csv-lines has it cut", obj.URI, obj.Size)
	}
	if codec == codecXZ {
		return fmt.Sprintf("input %s is xz of a single block, or of too many streams or of unlike ones, and cannot be cut: one task reads all of its %d bytes; mrctl repack makes of it "+
			"zstd that can, and xz -T0 writes several blocks", obj.URI, obj.Size)
	}
	return fmt.Sprintf("input %s is %s, which can only be read from its beginning, and cannot be cut: one task reads all of its %d bytes; "+
		"mrctl repack makes of it zstd that can", obj.URI, codec, obj.Size)
}

// stretch is what is read of raw up to a byte of the object.
type stretch struct {
	*raw
	to int64
}

// Read implements io.Reader.
func (s stretch) Read(p []byte) (int, error) {
	left := s.to - s.raw.pos
	if left <= 0 {
		return 0, io.EOF
	}
	return s.raw.Read(p[:min(int64(len(p)), left)])
}

// openPart puts a decoder over the part of an archive that begins in a piece. rest, which is called where that ends, goes
// on with what follows, for the end of the last line.
func (d *decoders) openPart(r *raw) (in io.Reader, rest func() (io.Reader, error), err error) {
	end := r.p.Off + r.p.Len
	if r.p.Codec == codecBzip2 {
		blocks := bzblocks.NewReader(r, r.p.Off, end)
		return blocks, func() (io.Reader, error) { blocks.Rest(); return blocks, nil }, nil
	}
	if check, cut := strings.CutPrefix(r.p.Codec, codecXZ+"-"); cut {
		kind, known := xzblocks.CheckOf(check)
		if !known {
			return nil, nil, errs.New(errs.Invalid, "codec %q is not known", r.p.Codec)
		}
		blocks := xzblocks.NewPart(r, r.p.Off, end, kind)
		return blocks, func() (io.Reader, error) { blocks.Rest(); return blocks, nil }, nil
	}
	in, err = d.reset(r.p.Codec, stretch{r, end})
	return in, func() (io.Reader, error) { return d.reset(r.p.Codec, r) }, err
}
