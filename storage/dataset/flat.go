package dataset

import (
	"encoding/binary"
	"errors"

	"github.com/mrctl/mrctl/internal/flatbuf"
)

// flat is the metadata of an Arrow file. Its methods panic where something points outside of it; whoever calls them contains
// that.
//
// The library makes room for as many fields as a buffer claims to have before it looks for one of them, which nothing can
// contain. So what counts fields is looked at here first.
type flat struct {
	flatbuf.Buffer
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

// checkSchema walks the fields of a schema, or of a field, whose numbers those two are.
func (f *flat) checkSchema(table, children, meta, depth int) error {
	if table == 0 {
		return errors.New("it has no schema")
	}
	if f.left--; f.left < 0 || depth > mostNested {
		return errFlat
	}
	if _, _, err := f.Vector(f.Ref(table, meta), 4); err != nil {
		return errFlat
	}
	from, n, err := f.Vector(f.Ref(table, children), 4)
	if err != nil {
		return errFlat
	}
	for i := 0; i < n && err == nil; i++ {
		at := from + 4*i
		err = f.checkSchema(at+int(binary.LittleEndian.Uint32(f.Buffer[at:])), fieldChildren, fieldMeta, depth+1)
	}
	return err
}

// checkFooter looks at the schema of a footer and gives the bytes at which the record batches lie.
func (f *flat) checkFooter() (batches []int64, err error) {
	root := f.Root()
	if err := f.checkSchema(f.Ref(root, footerSchema), schemaFields, schemaMeta, 0); err != nil {
		return nil, err
	}
	const block = 24 // bytes, of which the offset is the first 8
	from, n, err := f.Vector(f.Ref(root, footerBatches), block)
	for i := range n {
		batches = append(batches, int64(binary.LittleEndian.Uint64(f.Buffer[from+block*i:])))
	}
	return batches, err
}

// checkMessage looks at the schema in a stream's first message.
func (f *flat) checkMessage() error {
	return f.checkSchema(f.Ref(f.Root(), messageHeader), schemaFields, schemaMeta, 0)
}

func newFlat(buf []byte) *flat { return &flat{Buffer: buf, left: len(buf) / 4} }
