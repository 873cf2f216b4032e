package dataset

import (
	"encoding/binary"
	"errors"
)

// flat is a FlatBuffers buffer (https://flatbuffers.dev/internals), in which the metadata of Arrow is written. Its methods
// panic, as slices do, where something points outside of it; whoever calls them contains that.
//
// The library makes room for as many fields as a buffer claims to have before it looks for one of them, which nothing can
// contain. So what counts fields is looked at here first.
type flat struct {
	buf  []byte
	left int // tables that may still be visited
}

// Fields of the tables of Arrow's format, by their numbers in Footer.fbs, Message.fbs and Schema.fbs.
const (
	footerSchema  = 1
	footerBatches = 3
	messageHeader = 2
	schemaFields  = 1
	schemaMeta    = 2
	fieldChildren = 5
	fieldMeta     = 6
	mostNested    = 64
)

var errFlat = errors.New("its schema claims more fields than there are")

// root is the place of the outermost table.
func (f *flat) root() int { return int(binary.LittleEndian.Uint32(f.buf)) }

// ref is the place that a field of a table refers to; 0: it has none.
func (f *flat) ref(table, field int) int {
	le := binary.LittleEndian
	offsets := f.buf[table-int(int32(le.Uint32(f.buf[table:]))):]
	slot := 4 + 2*field
	if int(le.Uint16(offsets)) <= slot || le.Uint16(offsets[slot:]) == 0 {
		return 0
	}
	at := table + int(le.Uint16(offsets[slot:]))
	return at + int(le.Uint32(f.buf[at:]))
}

// vector is where the elements of a vector, of so many bytes each, begin, and how many there are.
func (f *flat) vector(at, each int) (from, n int, err error) {
	if at == 0 {
		return 0, 0, nil
	}
	n = int(binary.LittleEndian.Uint32(f.buf[at:]))
	if n > len(f.buf[at+4:])/each {
		return 0, 0, errFlat
	}
	return at + 4, n, nil
}

// checkSchema walks the fields of a schema, or of a field, whose numbers those two are.
func (f *flat) checkSchema(table, children, meta, depth int) error {
	if table == 0 {
		return errors.New("it has no schema")
	}
	if f.left--; f.left < 0 || depth > mostNested {
		return errFlat
	}
	if _, _, err := f.vector(f.ref(table, meta), 4); err != nil {
		return err
	}
	from, n, err := f.vector(f.ref(table, children), 4)
	for i := 0; i < n && err == nil; i++ {
		at := from + 4*i
		err = f.checkSchema(at+int(binary.LittleEndian.Uint32(f.buf[at:])), fieldChildren, fieldMeta, depth+1)
	}
	return err
}

// checkFooter looks at the schema of a footer and gives the bytes at which the record batches lie.
func (f *flat) checkFooter() (batches []int64, err error) {
	root := f.root()
	if err := f.checkSchema(f.ref(root, footerSchema), schemaFields, schemaMeta, 0); err != nil {
		return nil, err
	}
	const block = 24 // bytes, of which the offset is the first 8
	from, n, err := f.vector(f.ref(root, footerBatches), block)
	for i := range n {
		batches = append(batches, int64(binary.LittleEndian.Uint64(f.buf[from+block*i:])))
	}
	return batches, err
}

// checkMessage looks at the schema in a stream's first message.
func (f *flat) checkMessage() error {
	return f.checkSchema(f.ref(f.root(), messageHeader), schemaFields, schemaMeta, 0)
}

func newFlat(buf []byte) *flat { return &flat{buf: buf, left: len(buf) / 4} }
