package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// magic is what a file of Arrow begins and ends with; a stream begins with a message.
const magic = "ARROW1"

// arrowTable is the record batches of a piece of a file of Arrow. A batch is held whole, with the columns nobody asked for.
type arrowTable struct {
	file  *ipc.FileReader
	list  []int   // the record batches
	where []int64 // the byte at which each of the file's lies
	begun int     // of list
	cur   arrow.RecordBatch
}

// arrowStream is a stream of Arrow, which is read by whoever has its first byte.
type arrowStream struct {
	body io.Closer
	in   *ipc.Reader
	row  int64
	mine bool
	p    Piece
	read *counted
}

// openArrow opens a file or a stream whose messages, and what they hold decompressed, are of at most limit bytes each.
func openArrow(at *objectAt, limit int64) (groups, error) {
	options := []ipc.Option{ipc.WithBodySizeLimit(limit), ipc.WithMetadataSizeLimit(limit), ipc.WithAllocator(bounded{memory.DefaultAllocator, limit})}
	head := make([]byte, min(at.p.Size, int64(len(magic))))
	if _, err := at.ReadAt(head, 0); err != nil {
		return nil, err
	}
	if string(head) == magic {
		return openArrowFile(at, options)
	}
	if err := checkStream(at); err != nil {
		return nil, err
	}
	body, err := at.whole()
	if err != nil {
		return nil, err
	}
	s := &arrowStream{body: body, mine: at.p.Off == 0, read: &counted{Reader: body, at: at}, p: at.p}
	if s.in, err = ipc.NewReader(s.read, options...); err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return s, nil
}

func openArrowFile(at *objectAt, options []ipc.Option) (*arrowTable, error) {
	where, err := batchOffsets(at)
	if err != nil {
		return nil, err
	}
	t := &arrowTable{where: where}
	if t.file, err = ipc.NewFileReader(at.section(), options...); err != nil {
		return nil, err
	}
	if len(where) != t.file.NumRecords() {
		return nil, fmt.Errorf("its footer lists %d record batches and %d", len(where), t.file.NumRecords())
	}
	for i, off := range where {
		if off < 0 || off >= at.p.Size { // else it would be of no split, and nobody would miss it
			return nil, fmt.Errorf("its footer says that record batch %d begins at byte %d, and it has %d", i, off, at.p.Size)
		}
		if off >= at.p.Off && off < at.p.Off+at.p.Len {
			t.list = append(t.list, i)
		}
	}
	return t, nil
}

// batchOffsets reads from the footer of a file at which bytes its record batches lie, which the library keeps to itself.
func batchOffsets(at *objectAt) (list []int64, err error) {
	end := make([]byte, 4+len(magic))
	if err := at.within(at.p.Size-int64(len(end)), int64(len(end))); err != nil {
		return nil, err
	}
	if _, err := at.ReadAt(end, at.p.Size-int64(len(end))); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(end))
	if n > mostFooter {
		return nil, fmt.Errorf("its footer says it has %d bytes, and %d is the most", n, mostFooter)
	}
	from := at.p.Size - int64(len(end)) - n
	if err := at.within(from, n); err != nil || string(end[4:]) != magic {
		return nil, errors.New("it has no footer: it is cut off, perhaps")
	}
	f := make([]byte, n)
	if _, err := at.ReadAt(f, from); err != nil {
		return nil, err
	}
	return newFlat(f).checkFooter()
}

// checkStream looks at the first message of a stream. It begins with its length, before which newer writers put ff ff ff ff.
func checkStream(at *objectAt) error {
	le := binary.LittleEndian
	head := make([]byte, min(8, at.p.Size))
	if _, err := at.ReadAt(head, 0); err != nil {
		return err
	}
	begin, n := int64(4), int64(le.Uint32(head))
	if n == math.MaxUint32 {
		begin, n = 8, int64(le.Uint32(head[4:]))
	}
	if err := at.within(begin, n); err != nil || n > mostFooter {
		return errors.New("it begins as neither a file nor a stream of Arrow does")
	}
	f := make([]byte, n)
	if _, err := at.ReadAt(f, begin); err != nil {
		return err
	}
	return newFlat(f).checkMessage()
}

func (t *arrowTable) next() (arrow.RecordBatch, int64, error) {
	t.release()
	if t.begun == len(t.list) {
		return nil, 0, io.EOF
	}
	i := t.list[t.begun]
	t.begun++
	b, err := t.file.RecordBatchAt(i)
	t.cur = b
	return b, t.where[i], err
}

func (t *arrowTable) release() {
	if t.cur != nil {
		t.cur.Release()
		t.cur = nil
	}
}

func (t *arrowTable) schema() *arrow.Schema { return t.file.Schema() }
func (t *arrowTable) share() float64        { return float64(t.begun) / float64(max(1, len(t.list))) }

func (t *arrowTable) close() error {
	t.release()
	return t.file.Close()
}

func (s *arrowStream) next() (arrow.RecordBatch, int64, error) {
	if !s.mine || !s.in.Next() {
		if err := s.in.Err(); s.mine && err != nil && err != io.EOF {
			return nil, 0, err
		}
		return nil, 0, io.EOF
	}
	b := s.in.RecordBatch()
	first := s.row
	s.row += b.NumRows()
	return b, first, nil
}

func (s *arrowStream) schema() *arrow.Schema { return s.in.Schema() }
func (s *arrowStream) share() float64        { return min(1, float64(s.read.n)/float64(max(1, s.p.Size))) }

func (s *arrowStream) close() error {
	s.in.Release()
	return s.body.Close()
}

// counted counts the bytes that are read, and tells the object what befell reading it.
type counted struct {
	io.Reader
	at   *objectAt
	n    int64
	tell func(n int) // nil: nobody wants to know
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	if c.tell != nil {
		c.tell(n)
	}
	if err != nil && !atEnd(err) && c.at.err == nil {
		c.at.err = inputError(c.at.p.URI, err)
	}
	return n, err
}

// bounded refuses, by a panic that whoever reads the file contains, memory for lengths that a file only claims.
type bounded struct {
	memory.Allocator
	limit int64
}

// Allocate implements memory.Allocator.
func (b bounded) Allocate(n int) []byte {
	b.check(n)
	return b.Allocator.Allocate(n)
}

// Reallocate implements memory.Allocator.
func (b bounded) Reallocate(n int, old []byte) []byte {
	b.check(n)
	return b.Allocator.Reallocate(n, old)
}

func (b bounded) check(n int) {
	if n < 0 || int64(n) > b.limit {
		panic(fmt.Sprintf("it wants %d bytes at once, and %d is the most: write smaller record batches", n, b.limit))
	}
}
