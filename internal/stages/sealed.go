package stages

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/prefix"
)

// Rows between stages are ours, and nobody would tell if a bit of them came over wrong: Arrow has no checksums, and a store
// that is asked for a part of an object gives none. So they lie in blocks, each followed by its CRC32C, and a block that
// does not fit is read again. Where a byte lies follows from its place alone, so parts are still read in any order.
const (
	blockSize = 64 << 10
	sumSize   = 4
	// readTries is how often a block is read in a row. A store that gives it wrong each time is taken for one that is away.
	readTries = 6
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openSize is how many of the bytes of a part are not checksums.
func openSize(sealed int64) int64 {
	const whole = blockSize + sumSize
	return max(0, sealed-sumSize*((sealed+whole-1)/whole))
}

// isRecord says that an object is a record of a folder of parts, or another thing of its own, and lies as it is.
func isRecord(key string) bool { return strings.HasPrefix(key, "_") }

// sealing is the folder of a stage for who writes parts.
type sealing struct{ *prefix.Store }

// Create implements storage.Store.
func (s sealing) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	w, err := s.Store.Create(ctx, key, meta)
	if err != nil || isRecord(key) {
		return w, err
	}
	return &sealer{Writer: w}, nil
}

// sealer writes blocks and their checksums.
type sealer struct {
	storage.Writer
	block []byte // less than a whole one, between calls
}

// Write implements io.Writer.
func (s *sealer) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		k := min(len(b), blockSize-len(s.block))
		s.block = append(s.block, b[:k]...)
		if len(s.block) == blockSize {
			if err := s.flush(); err != nil {
				return n, err
			}
		}
		n, b = n+k, b[k:]
	}
	return n, nil
}

func (s *sealer) flush() error {
	sum := crc32.Checksum(s.block, castagnoli)
	_, err := s.Writer.Write(binary.LittleEndian.AppendUint32(s.block, sum))
	s.block = s.block[:0]
	return err
}

// Stage implements storage.Writer.
func (s *sealer) Stage(ctx context.Context) (storage.Token, error) {
	if len(s.block) > 0 {
		if err := s.flush(); err != nil {
			return "", errors.Join(err, s.Abort())
		}
	}
	return s.Writer.Stage(ctx)
}

// openSealed reads n bytes from off of a part; info has its size without checksums.
func openSealed(ctx context.Context, store *prefix.Store, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	s := &sealedBody{ctx: ctx, store: store, key: key, next: off / blockSize, end: -1, last: -1}
	if n >= 0 {
		s.end = off + n
		s.last = (s.end + blockSize - 1) / blockSize
	}
	info, err := s.open()
	if err != nil {
		return nil, info, err
	}
	s.version = info.Version
	info.Size = openSize(info.Size)
	s.size, s.skip = info.Size, off%blockSize
	if s.end < 0 || s.end > s.size {
		s.end = s.size
	}
	return s, info, nil
}

// sealedBody reads blocks, one at a time.
type sealedBody struct {
	ctx     context.Context
	store   *prefix.Store
	key     string
	version storage.Version
	size    int64 // of the part, without checksums
	end     int64 // what is read ends before this byte
	last    int64 // blocks before this one are asked for; -1: all
	body    io.ReadCloser
	next    int64  // the block that body is at
	block   []byte // what of the one before was not given yet
	skip    int64  // bytes of the next block that nobody asked for
	buf     []byte
}

// open asks for the blocks from next on.
func (s *sealedBody) open() (info storage.Info, err error) {
	n := int64(-1)
	if s.last >= 0 {
		n = max(0, s.last-s.next) * (blockSize + sumSize)
	}
	s.body, info, err = s.store.Open(s.ctx, s.key, s.next*(blockSize+sumSize), n)
	return info, err
}

// Read implements io.Reader.
func (s *sealedBody) Read(p []byte) (int, error) {
	for len(s.block) == 0 {
		begin := s.next * blockSize
		if begin+s.skip >= s.end {
			return 0, io.EOF
		}
		if err := s.read(int(min(blockSize, s.size-begin))); err != nil {
			return 0, err
		}
		s.block = s.buf[min(s.skip, s.end-begin):min(int64(len(s.buf)), s.end-begin)]
		s.next, s.skip = s.next+1, 0
	}
	n := copy(p, s.block)
	s.block = s.block[n:]
	return n, nil
}

// read reads the next block, of n bytes, into buf.
func (s *sealedBody) read(n int) error {
	for try := 1; ; try++ {
		s.buf = slices.Grow(s.buf[:0], n+sumSize)[:n+sumSize]
		if _, err := io.ReadFull(s.body, s.buf); err != nil {
			if errors.Is(err, io.EOF) { // there is more of the part
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		sum := s.buf[n:]
		if s.buf = s.buf[:n]; bytes.Equal(binary.LittleEndian.AppendUint32(nil, crc32.Checksum(s.buf, castagnoli)), sum) {
			return nil
		}
		if try == readTries {
			return errs.E(errs.Unavailable, "read", s.key, fmt.Errorf("block %d: its bytes are not what was written, each of %d times", s.next, try))
		}
		if err := s.again(); err != nil {
			return err
		}
	}
}

// again opens the rest of the part anew.
func (s *sealedBody) again() error {
	if err := s.body.Close(); err != nil {
		return err
	}
	info, err := s.open()
	if err == nil && info.Version != s.version {
		err = storage.Fail("open", s.key, fmt.Errorf("changed: %w", storage.ErrPrecondition))
	}
	return err
}

// Close implements io.Closer.
func (s *sealedBody) Close() error {
	if s.body == nil {
		return nil
	}
	return s.body.Close()
}
