package boundary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/flatbuf"
)

// batchMessage is an Arrow IPC record batch message, at the start of mem if it fits, else in memory of its own.
func batchMessage(mem []byte, rec arrow.RecordBatch) ([]byte, error) {
	p, err := ipc.GetRecordBatchPayload(rec)
	if err != nil {
		return nil, errs.E(errs.Invalid, "rows of the result", "", err)
	}
	defer p.Release()
	buf := bytes.NewBuffer(mem[:0])
	if _, err := p.WritePayload(buf); err != nil {
		return nil, errs.E(errs.Invalid, "rows of the result", "", err)
	}
	return buf.Bytes(), nil
}

// batchReader reads record batch messages of one schema, over the bytes they came in.
type batchReader struct {
	r     *ipc.Reader
	queue messages
}

// messages hands out the schema, then the message that was put last.
type messages struct{ next []byte }

func newBatchReader(schema *arrow.Schema) (*batchReader, error) {
	head, err := codec.MarshalSchema(schema)
	if err != nil {
		return nil, err
	}
	b := &batchReader{queue: messages{next: head}}
	if b.r, err = ipc.NewReaderFromMessageReader(&b.queue); err != nil {
		return nil, errs.E(errs.Invalid, "schema", "", err)
	}
	return b, nil
}

// read makes a record batch of n rows of a message. The batch lives in msg. It is safe to give it bytes from elsewhere;
// after an error the reader is spent.
func (b *batchReader) read(msg []byte, n uint32) (rec arrow.RecordBatch, err error) {
	defer func() {
		if r := recover(); r != nil { // package ipc trusts what it reads here and there
			rec, err = nil, errs.New(errs.Corrupt, "a record batch that cannot be read: %v", r)
		}
	}()
	if err := b.fits(msg); err != nil {
		return nil, errs.E(errs.Corrupt, "record batch", "", err)
	}
	b.queue.next = msg
	if !b.r.Next() {
		err := b.r.Err()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, errs.E(errs.Corrupt, "record batch", "", err)
	}
	rec = b.r.RecordBatch()
	rec.Retain() // ours until the collector takes it: the reader drops its own at the next
	if rec.NumRows() != int64(n) {
		return nil, errs.New(errs.Corrupt, "a record batch of %d rows was announced with %d", rec.NumRows(), n)
	}
	for i, col := range rec.Columns() {
		if err := checkArray(col, int(n)); err != nil {
			return nil, errs.E(errs.Corrupt, "column", rec.ColumnName(i), err)
		}
	}
	return rec, nil
}

// fits checks that a message brings as many columns, in as many buffers, as the schema has: package ipc takes those that it
// expects and passes over the rest, so that other columns of the same widths would be taken for these.
func (b *batchReader) fits(msg []byte) error {
	const header, nodes, buffers = 2, 1, 2 // fields of Message and RecordBatch in Arrow's Message.fbs
	const each = 16                        // bytes of a FieldNode and of a Buffer
	m, err := (&messages{next: msg}).Message()
	if err != nil {
		return err
	}
	defer m.Release()
	meta := flatbuf.Buffer(msg[8:])
	batch := meta.Ref(meta.Root(), header)
	if batch == 0 {
		return errors.New("it has no header")
	}
	want := 0
	for _, f := range b.r.Schema().Fields() {
		if want += 2; !isFixed(f.Type) {
			want++
		}
	}
	_, columns, err := meta.Vector(meta.Ref(batch, nodes), each)
	if err != nil {
		return err
	}
	_, bufs, err := meta.Vector(meta.Ref(batch, buffers), each)
	if err != nil {
		return err
	}
	if fields := b.r.Schema().NumFields(); columns != fields || bufs != want {
		return fmt.Errorf("%d columns in %d buffers, where the schema has %d in %d", columns, bufs, fields, want)
	}
	return nil
}

func isFixed(t arrow.DataType) bool {
	_, ok := t.(arrow.FixedWidthDataType)
	return ok
}

// checkArray holds an array from elsewhere to its own claims: after it, no access to a row can leave its buffers.
func checkArray(a arrow.Array, n int) error {
	d := a.Data()
	if d.Len() != n || d.Offset() != 0 {
		return fmt.Errorf("%d values from %d, in a batch of %d rows", d.Len(), d.Offset(), n)
	}
	size := func(i int) int {
		if bufs := d.Buffers(); i < len(bufs) && bufs[i] != nil {
			return bufs[i].Len()
		}
		return 0
	}
	if d.NullN() != 0 && size(0) < (n+7)/8 {
		return fmt.Errorf("validity of %d bytes for %d rows", size(0), n)
	}
	switch t := a.DataType().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		if n == 0 {
			return nil
		}
		if size(1) < 4*(n+1) {
			return fmt.Errorf("%d bytes of offsets for %d rows", size(1), n)
		}
		var data []byte
		if size(2) > 0 {
			data = d.Buffers()[2].Bytes()
		}
		_, err := column(d.Buffers()[1].Bytes()[:4*(n+1)], data, uint32(n))
		return err
	case arrow.FixedWidthDataType:
		if size(1) < (n*t.BitWidth()+7)/8 {
			return fmt.Errorf("%d bytes for %d values of %v", size(1), n, t)
		}
		return nil
	}
	return fmt.Errorf("a column of type %v", a.DataType())
}

// Message gives the next message, as package ipc asks for it.
func (m *messages) Message() (*ipc.Message, error) {
	b := m.next
	m.next = nil
	if b == nil {
		return nil, io.EOF
	}
	const head = 8 // the continuation mark and the length of the metadata
	if len(b) < head || binary.LittleEndian.Uint32(b) != 0xffffffff {
		return nil, errs.New(errs.Corrupt, "not an Arrow message")
	}
	n := uint64(binary.LittleEndian.Uint32(b[4:]))
	if n < 8 || n > uint64(len(b)-head) {
		return nil, errs.New(errs.Corrupt, "an Arrow message of %d bytes with metadata of %d", len(b), n)
	}
	return ipc.NewMessage(memory.NewBufferBytes(b[head:head+n]), memory.NewBufferBytes(b[head+n:])), nil
}

// Retain and Release do nothing: what is read is left to the garbage collector.
func (m *messages) Retain()  {}
func (m *messages) Release() {}

var _ ipc.MessageReader = (*messages)(nil)
