// Package runs writes, reads and merges run files: sorted pairs of one map attempt, by partition. The same format
// serves spills, the final run that is shuffled, and what a reduce merges in passes.
//
// All integers are little-endian; crc is CRC32C. A run file is
//
//	run    = magic section* index footer
//	magic  = "MRRUN" 00 00 version(01)
//	section= block* seal                one for each partition that has pairs, partitions ascending
//
//	block  = head stored crc            crc over head and stored
//	head   =  0 u8  kind                'B' block, 'S' seal
//	          1 u8  version             01, so that a section explains itself away from its file
//	          2 u8  codec               0 none, 1 lz4 (block format), 2 zstd
//	          3 u8  zero
//	          4 u32 partition
//	          8 u32 number              of the block in its section, from 0; for a seal the number of blocks
//	         12 u32 rows                0 for a seal
//	         16 u32 raw                 bytes of the pairs, packed
//	         20 u32 stored              bytes of stored
//	stored = pairs, compressed by codec
//	pairs  = (uvarint key length, uvarint value length, key, value)*     keys ascending by bytes.Compare
//
//	seal   = head totals crc            as a block, codec 0, raw = stored = 32
//	totals =  0 u64 rows | 8 digest[16] | 24 u32 window | 28 u32 raw
//
//	index  = entry*                     one for each partition, empty ones too: length and rows 0
//	entry  =  0 u64 offset | 8 u64 length | 16 u64 rows | 24 digest[16] | 40 u32 window | 44 u32 raw | 48 u32 crc
//	footer =  0 u64 index offset | 8 u64 rows | 16 digest[16] | 32 u32 partitions | 36 u32 window | 40 u32 raw |
//	         44 "MRRUNEND" | 52 u32 crc
//
// A block holds about 256 KiB of pairs; a larger pair has a block to itself. A section is whole in itself: the shuffle
// ships its bytes as they are, the receiver checks them and merges them without the file's index. window is the most
// bytes a block with its head and crc takes, raw the most bytes a compressed block unpacks to: what a reader must hold.
//
// The digest is the sum, modulo 2^128, of xxh3-128 (seed 0) over each packed pair, stored low word first; it depends on
// neither order nor blocks nor codec. Where a value cannot be relied on to be the same in another attempt (sums of floats,
// folds that only the plugin can finish) it is the sum of xxh3-128 over each distinct key instead. Runs that are not final
// have digest 0.
//
// Runs are soft state: a lost one is made again. Nothing here syncs to disk. Errors of the disk are Unavailable, bytes
// that are not what was written are Corrupt; both name the file.
package runs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"

	"github.com/mrctl/mrctl/internal/errs"
)

const (
	magic    = "MRRUN\x00\x00\x01"
	endMagic = "MRRUNEND"
	version  = 1

	kindBlock, kindSeal = 'B', 'S'

	headSize   = 24
	crcSize    = 4
	totalsSize = 32
	entrySize  = 52
	footerSize = 56

	// BlockSize is how many bytes of packed pairs a block holds about, where nothing else is asked.
	BlockSize = 256 << 10
	// maxBlock is above any pair the engine takes; a length beyond it is damage.
	maxBlock = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Pair is one key and value on their way. Packed, where it is not nil, is the packed form that Key and Val lie in.
type Pair struct {
	Part     int
	Key, Val []byte
	Packed   []byte
}

// Stream gives pairs in order of (partition, key). Next gives nil at the end; the pair it gives is valid until the next
// call. Streams are not safe for concurrent use.
type Stream interface {
	Next() (*Pair, error)
}

// head is the decoded head of a block or seal.
type head struct {
	kind, codec                     byte
	part, number, rows, raw, stored uint32
}

func (h head) put(b []byte) {
	b[0], b[1], b[2], b[3] = h.kind, version, h.codec, 0
	le := binary.LittleEndian
	le.PutUint32(b[4:], h.part)
	le.PutUint32(b[8:], h.number)
	le.PutUint32(b[12:], h.rows)
	le.PutUint32(b[16:], h.raw)
	le.PutUint32(b[20:], h.stored)
}

// parseHead reads a head and refuses what no writer writes, so that a damaged length is never believed.
func parseHead(b []byte) (head, error) {
	le := binary.LittleEndian
	h := head{
		kind: b[0], codec: b[2],
		part: le.Uint32(b[4:]), number: le.Uint32(b[8:]), rows: le.Uint32(b[12:]), raw: le.Uint32(b[16:]), stored: le.Uint32(b[20:]),
	}
	switch {
	case h.kind != kindBlock && h.kind != kindSeal:
		return h, fmt.Errorf("kind %#x is neither block nor seal", h.kind)
	case b[1] != version:
		return h, fmt.Errorf("version %d is not %d", b[1], version)
	case b[3] != 0:
		return h, errors.New("a zero byte is not zero")
	case h.raw > maxBlock || h.stored > maxBlock:
		return h, fmt.Errorf("length %d/%d is beyond any block", h.stored, h.raw)
	case Codec(h.codec) == None && h.raw != h.stored:
		return h, fmt.Errorf("%d bytes stored of %d, yet not compressed", h.stored, h.raw)
	case h.kind == kindSeal && (h.codec != 0 || h.rows != 0 || h.stored != totalsSize):
		return h, errors.New("malformed seal")
	}
	return h, nil
}

// Totals says what a section, or a whole run, holds and what reading it takes.
type Totals struct {
	Rows   int64
	Digest Digest
	Window int // bytes of the largest block, head and crc included
	Raw    int // bytes of the largest compressed block, unpacked; 0: none is compressed
}

func (t Totals) put(b []byte) {
	le := binary.LittleEndian
	le.PutUint64(b, uint64(t.Rows))
	copy(b[8:24], t.Digest[:])
	le.PutUint32(b[24:], uint32(t.Window))
	le.PutUint32(b[28:], uint32(t.Raw))
}

func parseTotals(b []byte) Totals {
	le := binary.LittleEndian
	t := Totals{Rows: int64(le.Uint64(b)), Window: int(le.Uint32(b[24:])), Raw: int(le.Uint32(b[28:]))}
	copy(t.Digest[:], b[8:24])
	return t
}

// add makes t those of two stretches.
func (t *Totals) add(o Totals) {
	a, b := t.Digest.sum(), o.Digest.sum()
	a.addSum(b)
	t.Rows += o.Rows
	t.Digest = a.digest()
	t.Window, t.Raw = max(t.Window, o.Window), max(t.Raw, o.Raw)
}

// CorruptError says which bytes are not what was written. It comes wrapped in an error of kind Corrupt.
type CorruptError struct {
	Name      string // of the range or file
	Partition int    // -1: not in a section
	Block     int    // in the section; -1: none
	Why       string
}

// Error names file, partition and block.
func (e *CorruptError) Error() string {
	switch {
	case e.Partition < 0:
		return fmt.Sprintf("%s: %s", e.Name, e.Why)
	case e.Block < 0:
		return fmt.Sprintf("%s: partition %d: %s", e.Name, e.Partition, e.Why)
	}
	return fmt.Sprintf("%s: partition %d, block %d: %s", e.Name, e.Partition, e.Block, e.Why)
}

func corrupt(name string, part, block int, format string, args ...any) error {
	return errs.E(errs.Corrupt, "read run", "", &CorruptError{name, part, block, fmt.Sprintf(format, args...)})
}

// DiskError makes an Unavailable error of what a file operation returned: the disk, not the job, is at fault.
func DiskError(op, path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // it would name the path a second time
	}
	return errs.E(errs.Unavailable, op, path, err)
}
