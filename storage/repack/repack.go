// Package repack makes zstd that jobs can cut of whatever text is compressed with: frames that end with lines, and a table of
// them (see internal/zframes).
package repack

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/zframes"
	"github.com/mrctl/mrctl/storage"
)

// A frame holds the lines that end within frameMost bytes of text after the last one, or frameMost bytes where no line ends
// in the second half of them.
const frameMost = 8 << 20

// Result is what became of a text.
type Result struct {
	Text   int64 // bytes of it
	Bytes  int64 // as they are stored now
	Frames int
}

// Write packs text with so many threads and puts it to key of a store, whole or not at all. Each thread holds a frame, its
// text and its packed form; two more wait. A key that is taken is an errs.Conflict.
func Write(ctx context.Context, store storage.Store, key string, text io.Reader, threads int) (Result, error) {
	w, err := store.Create(ctx, key, nil)
	if err != nil {
		return Result{}, err
	}
	r, err := pack(ctx, w, text, threads, frameMost)
	if err != nil {
		return r, errors.Join(err, w.Abort())
	}
	token, err := w.Stage(ctx)
	if err != nil {
		return r, err
	}
	_, err = store.Publish(ctx, token)
	if errors.Is(err, storage.ErrPrecondition) {
		err = errs.E(errs.Conflict, "write", key, errors.New("something else has been put there meanwhile"))
	}
	return r, err
}

// frame is a piece of text on its way.
type frame struct {
	text   []byte
	packed []byte
	done   chan struct{} // closed when packed is there
}

// pack reads frames of text, has them packed by threads, and writes them in order.
func pack(ctx context.Context, w io.Writer, text io.Reader, threads, most int) (Result, error) {
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan *frame)
	order := make(chan *frame, threads+1) // what bounds the frames that are held
	var result Result
	g.Go(func() error {
		defer close(order)
		defer close(work)
		return cut(text, most, func(b []byte) error {
			f := &frame{text: b, done: make(chan struct{})}
			for _, to := range []chan *frame{order, work} {
				select {
				case to <- f:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
	})
	for range threads {
		g.Go(func() error {
			z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(4<<20), zstd.WithZeroFrames(true))
			if err != nil {
				return err
			}
			for f := range work {
				f.packed = z.EncodeAll(f.text, nil)
				close(f.done)
			}
			return z.Close()
		})
	}
	g.Go(func() error {
		var table zframes.Table
		for f := range order {
			select {
			case <-f.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if _, err := w.Write(f.packed); err != nil {
				return err
			}
			table.Add(len(f.packed), len(f.text))
			result.Frames++
			result.Text += int64(len(f.text))
			result.Bytes += int64(len(f.packed))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx) // the text did not come to its end
		}
		if result.Frames > zframes.MaxFrames {
			return errs.New(errs.Invalid, "the text has more than %d frames: cut it into several files", zframes.MaxFrames)
		}
		end := table.Append(nil)
		result.Bytes += int64(len(end))
		_, err := w.Write(end)
		return err
	})
	err := g.Wait()
	return result, err
}

// cut gives text in pieces of at most so many bytes, which end with lines where there are any; an empty text is one piece.
func cut(text io.Reader, most int, give func([]byte) error) error {
	var rest []byte
	for first := true; ; first = false {
		b := append(make([]byte, 0, most), rest...)
		n, err := io.ReadFull(text, b[len(b):most])
		b = b[:len(b)+n]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if len(b) == 0 && !first {
				return nil
			}
			return give(b)
		}
		if err != nil {
			return err
		}
		end := bytes.LastIndexByte(b, '\n') + 1
		if end <= most/2 {
			end = most
		}
		rest = b[end:]
		if err := give(b[:end:end]); err != nil {
			return err
		}
	}
}
