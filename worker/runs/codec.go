package runs

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec compresses blocks. A block that does not get smaller is stored as it is.
type Codec uint8

const (
	None Codec = iota
	LZ4        // for the network
	Zstd       // for what stays
)

// packer compresses block after block. Its tables (lz4 128 KiB, zstd about 2 MiB) are made when first used.
type packer struct {
	lz4  *lz4.Compressor
	zstd *zstd.Encoder
	buf  []byte
}

// pack compresses raw; the result is valid until the next call. ok is false when it would not be smaller.
func (p *packer) pack(c Codec, raw []byte) (out []byte, ok bool, err error) {
	switch c {
	case LZ4:
		if p.lz4 == nil {
			p.lz4 = new(lz4.Compressor)
		}
		if cap(p.buf) < len(raw) {
			p.buf = make([]byte, len(raw))
		}
		// A block that does not fit its own size gives 0 or an error; either way it stays as it is.
		n, tooLong := p.lz4.CompressBlock(raw, p.buf[:len(raw)])
		return p.buf[:n], tooLong == nil && 0 < n && n < len(raw), nil
	case Zstd:
		if p.zstd == nil {
			p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
				zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
			if err != nil {
				return nil, false, fmt.Errorf("zstd: %w", err)
			}
		}
		p.buf = p.zstd.EncodeAll(raw, p.buf[:0])
		return p.buf, len(p.buf) < len(raw), nil
	}
	return nil, false, nil
}

// unpacker is the way back, shared by all cursors of a merge.
type unpacker struct{ zstd *zstd.Decoder }

// unpack fills raw, whose length is what the head says.
func (u *unpacker) unpack(c Codec, stored, raw []byte) error {
	switch c {
	case LZ4:
		n, err := lz4.UncompressBlock(stored, raw)
		if err != nil {
			return err
		}
		if n != len(raw) {
			return fmt.Errorf("unpacks to %d bytes, not %d", n, len(raw))
		}
		return nil
	case Zstd:
		if u.zstd == nil {
			var err error
			u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxBlock))
			if err != nil {
				return err
			}
		}
		out, err := u.zstd.DecodeAll(stored, raw[:0])
		if err != nil {
			return err
		}
		// A longer result would have moved out of raw.
		if len(out) != len(raw) {
			return fmt.Errorf("unpacks to %d bytes, not %d", len(out), len(raw))
		}
		return nil
	}
	return fmt.Errorf("unknown codec %d", c)
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}
