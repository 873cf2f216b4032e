package runs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/rows"
)

// Options say how a run is written. The zero value is a good spill.
type Options struct {
	Block  int // bytes of packed pairs in a block, about; 0: BlockSize
	Codec  Codec
	Digest Summing
	Memory *budget.Budget // counts the writer's buffers; may be nil
	// Create opens the file. nil: os.Create.
	Create func(path string) (io.WriteCloser, error)
}

// Held is what a writer with these options holds for pairs smaller than a block, in bytes.
func (o Options) Held() int64 {
	n := int64(o.block()) * 2
	if o.Codec != None {
		n += int64(o.block())
	}
	return n
}

func (o Options) block() int {
	if o.Block <= 0 {
		return BlockSize
	}
	return o.Block
}

// Writer writes a run front to back. Exactly one of Finish and Abort ends it. It is not safe for concurrent use.
//
// Blocks are built in place in one buffer and leave it in writes of about a block, so that many small sections do not
// make many small writes.
type Writer struct {
	path  string
	o     Options
	f     io.WriteCloser
	out   []byte // bytes not yet in the file
	start int    // where the open block's head is in out; -1: none is open
	at    int64  // file offset of out[0]
	held  int64  // counted in o.Memory

	part    int // of the open section; -1: none
	number  uint32
	rows    uint32 // in the open block
	section Totals
	sum     sum
	offset  int64  // of the open section
	last    []byte // key of the section, kept for SumKeys
	any     bool   // there is one

	index  []byte
	parts  int // given to Create
	total  Totals
	sums   sum
	packer packer
	err    error
}

// Create starts a run at path for partitions 0 to partitions-1.
func Create(path string, partitions int, o Options) (*Writer, error) {
	create := o.Create
	if create == nil {
		create = func(path string) (io.WriteCloser, error) { return os.Create(path) }
	}
	f, err := create(path)
	if err != nil {
		return nil, DiskError("create run", path, err)
	}
	w := &Writer{path: path, o: o, f: f, start: -1, part: -1, parts: partitions}
	w.out = make([]byte, 0, min(o.Held(), int64(2*BlockSize)))
	w.count()
	w.out = append(w.out, magic...)
	return w, nil
}

// Append adds a pair. Partitions come in ascending order, and keys within one too, which the caller answers for.
func (w *Writer) Append(p *Pair) error {
	if w.err != nil {
		return w.err
	}
	if p.Part != w.part {
		if err := w.open(p.Part); err != nil {
			return err
		}
	}
	size := len(p.Packed)
	if p.Packed == nil {
		size = rows.PackedSize(p.Key, p.Val)
	}
	if w.start >= 0 && len(w.out)-w.start-headSize+size > w.o.block() {
		if err := w.endBlock(); err != nil {
			return err
		}
	}
	if w.start < 0 {
		w.begin()
	}
	from := len(w.out)
	if from+size > cap(w.out) {
		w.grow(from + size)
	}
	if p.Packed != nil {
		w.out = append(w.out, p.Packed...)
	} else {
		w.out = rows.AppendPacked(w.out, p.Key, p.Val)
	}
	if w.o.Digest != SumNothing {
		w.hash(w.out[from:])
	}
	w.rows++
	w.section.Rows++
	return nil
}

// open goes on to the section of a partition.
func (w *Writer) open(part int) error {
	if part == w.part {
		return nil
	}
	if part < w.part || part >= w.parts {
		return fmt.Errorf("write run %s: partition %d after %d of %d", w.path, part, w.part, w.parts)
	}
	if err := w.endSection(); err != nil {
		return err
	}
	w.part, w.offset, w.any = part, w.at+int64(len(w.out)), false
	return nil
}

// begin opens a block.
func (w *Writer) begin() {
	w.start = len(w.out)
	w.out = append(w.out, noHead[:]...)
}

// noHead stands where a head will be.
var noHead [headSize]byte

// hash adds a packed pair to the digest of the section.
func (w *Writer) hash(packed []byte) {
	if w.o.Digest == SumPairs {
		w.sum.add(packed)
		return
	}
	key, _, _ := rows.CutPacked(packed)
	if !w.any || !bytes.Equal(w.last, key) {
		w.sum.add(key)
		w.last, w.any = append(w.last[:0], key...), true
	}
}

// endBlock closes the open block in place.
func (w *Writer) endBlock() error {
	if w.start < 0 {
		return nil
	}
	raw := w.out[w.start+headSize:]
	h := head{kind: kindBlock, part: uint32(w.part), number: w.number, rows: w.rows, raw: uint32(len(raw)), stored: uint32(len(raw))}
	if w.o.Codec != None {
		small, ok, err := w.packer.pack(w.o.Codec, raw)
		if err != nil {
			return w.fail("compress run", err)
		}
		if ok {
			h.codec, h.stored = byte(w.o.Codec), uint32(len(small))
			w.section.Raw = max(w.section.Raw, len(raw))
			w.out = append(w.out[:w.start+headSize], small...)
		}
	}
	w.seal(h)
	w.section.Window = max(w.section.Window, len(w.out)-w.start)
	w.start, w.rows = -1, 0
	w.number++
	w.count()
	if len(w.out) >= w.o.block()/2 {
		return w.flush()
	}
	return nil
}

// seal writes the head in front of the bytes from start on, and the crc behind them.
func (w *Writer) seal(h head) {
	h.put(w.out[w.start:])
	w.out = binary.LittleEndian.AppendUint32(w.out, crc32.Checksum(w.out[w.start:], castagnoli))
}

func (w *Writer) endSection() error {
	if w.part < 0 {
		return nil
	}
	if err := w.endBlock(); err != nil {
		return err
	}
	w.section.Digest = w.sum.digest()
	w.start = len(w.out)
	w.out = append(w.out, make([]byte, headSize+totalsSize)...)
	w.section.put(w.out[w.start+headSize:])
	w.seal(head{kind: kindSeal, part: uint32(w.part), number: w.number, raw: totalsSize, stored: totalsSize})
	w.start = -1

	w.entries(w.part)
	w.entry(w.offset, w.at+int64(len(w.out))-w.offset, w.section)
	w.total.Rows += w.section.Rows
	w.total.Window = max(w.total.Window, w.section.Window)
	w.total.Raw = max(w.total.Raw, w.section.Raw)
	w.sums.addSum(w.sum)
	w.section, w.sum, w.number = Totals{}, sum{}, 0
	return nil
}

// entries fills the index with empty partitions up to part.
func (w *Writer) entries(part int) {
	at := w.at + int64(len(w.out))
	if w.part >= 0 && part == w.part {
		at = w.offset
	}
	for len(w.index) < part*entrySize {
		w.entry(at, 0, Totals{})
	}
}

func (w *Writer) entry(offset, length int64, t Totals) {
	le := binary.LittleEndian
	from := len(w.index)
	w.index = le.AppendUint64(w.index, uint64(offset))
	w.index = le.AppendUint64(w.index, uint64(length))
	w.index = append(w.index, make([]byte, totalsSize)...)
	t.put(w.index[from+16:])
	w.index = le.AppendUint32(w.index, crc32.Checksum(w.index[from:], castagnoli))
}

// Finish writes index and footer and closes the file. After an error the file is gone.
func (w *Writer) Finish() (Info, error) {
	if w.err == nil {
		w.err = w.finish()
	}
	if w.err != nil {
		w.Abort()
		return Info{}, w.err
	}
	return Info{Path: w.path, Size: w.at, Sections: w.at - int64(len(w.index)) - footerSize - int64(len(magic)), Totals: w.total}, nil
}

func (w *Writer) finish() error {
	if err := w.endSection(); err != nil {
		return err
	}
	w.part = -1
	w.entries(w.parts)
	w.total.Digest = w.sums.digest()
	at := w.at + int64(len(w.out))
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.write(w.index); err != nil {
		return err
	}
	le := binary.LittleEndian
	var f [footerSize]byte
	le.PutUint64(f[:], uint64(at))
	le.PutUint64(f[8:], uint64(w.total.Rows))
	copy(f[16:], w.total.Digest[:])
	le.PutUint32(f[32:], uint32(w.parts))
	le.PutUint32(f[36:], uint32(w.total.Window))
	le.PutUint32(f[40:], uint32(w.total.Raw))
	copy(f[44:], endMagic)
	le.PutUint32(f[52:], crc32.Checksum(f[:52], castagnoli))
	if err := w.write(f[:]); err != nil {
		return err
	}
	file := w.f
	w.f = nil
	if err := file.Close(); err != nil {
		return DiskError("close run", w.path, err)
	}
	w.release()
	return nil
}

// Abort closes and removes the file. Idempotent; after a good Finish it does nothing.
func (w *Writer) Abort() {
	if w.f == nil && w.err == nil {
		return
	}
	if w.f != nil {
		w.f.Close() // its bytes are not wanted
		w.f = nil
	}
	w.release()
	os.Remove(w.path) // what stays behind goes with the attempt's scratch
}

func (w *Writer) release() {
	w.out, w.last = nil, nil
	w.packer = packer{}
	w.count()
}

func (w *Writer) fail(op string, err error) error {
	w.err = DiskError(op, w.path, err)
	return w.err
}

func (w *Writer) flush() error {
	if err := w.write(w.out); err != nil {
		return err
	}
	w.out = w.out[:0]
	if cap(w.out) > max(4*w.o.block(), 64<<10) {
		w.out = make([]byte, 0, 2*w.o.block()) // a pair of unusual size has gone through
	}
	w.count()
	return nil
}

func (w *Writer) write(b []byte) error {
	n, err := w.f.Write(b)
	w.at += int64(n)
	if err != nil {
		return w.fail("write run", err)
	}
	return nil
}

// grow makes out hold n bytes, exactly: append would double it for a large pair.
func (w *Writer) grow(n int) {
	out := make([]byte, len(w.out), n+headSize+crcSize)
	copy(out, w.out)
	w.out = out
	w.count()
}

// count brings the budget up to date with the buffers.
func (w *Writer) count() {
	held := int64(cap(w.out) + cap(w.packer.buf) + cap(w.last))
	w.o.Memory.Take(held - w.held)
	w.held = held
}
