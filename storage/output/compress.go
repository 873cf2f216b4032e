package output

import (
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mrctl/mrctl/internal/zframes"
)

// compressor is what stands between a part's bytes and the store. Close writes what it holds back; the writer below stays
// open. The same bytes become the same, however they are cut into writes.
type compressor = io.WriteCloser

// compressorOf gives what a format asks for, nil for nothing.
func compressorOf(f Format, w io.Writer) (compressor, error) {
	switch f[len(f.base()):] {
	case ".gz":
		return gzip.NewWriter(w), nil // its header has neither name nor time
	case ".zst":
		return newFrames(w)
	}
	return nil, nil
}

// frameBytes is how much text a frame of zstd holds: frames are what a large file can be read by in several places at once,
// and what the compressor keeps.
const frameBytes = 4 << 20

// frames writes zstd, a frame for each frameBytes of text, with the length of the text in its header, and a table of them
// after the last.
type frames struct {
	w         io.Writer
	z         *zstd.Encoder
	text, out []byte
	table     zframes.Table
	any       bool // something was written
}

func newFrames(w io.Writer) (*frames, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameBytes), zstd.WithZeroFrames(true))
	return &frames{w: w, z: z}, err
}

// Write gathers text and writes the frames that are full.
func (f *frames) Write(s []byte) (n int, err error) {
	n = len(s)
	for len(f.text)+len(s) >= frameBytes {
		k := frameBytes - len(f.text)
		f.text, s = append(f.text, s[:k]...), s[k:]
		if err := f.frame(); err != nil {
			return 0, err
		}
	}
	f.text = append(f.text, s...)
	return n, nil
}

// Close writes the last frame; without any text that is an empty one, for no frame at all is no zstd.
func (f *frames) Close() error {
	if len(f.text) > 0 || !f.any {
		if err := f.frame(); err != nil {
			return err
		}
	}
	_, err := f.w.Write(f.table.Append(nil))
	return err
}

func (f *frames) frame() error {
	f.out = f.z.EncodeAll(f.text, f.out[:0])
	f.table.Add(len(f.out), len(f.text))
	f.text, f.any = f.text[:0], true
	_, err := f.w.Write(f.out)
	return err
}
