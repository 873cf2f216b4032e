package output

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// WriteRecords adds rows to a part of one column of bytes or strings, as Write does; in the format records their bytes go
// to the store as they lie. It keeps nothing of b, whose rows are not terminated.
func (p *Part) WriteRecords(b *rows.Records) error {
	if p.err == nil {
		p.err = p.writeRecords(b)
	}
	return p.err
}

func (p *Part) writeRecords(b *rows.Records) error {
	if !p.plain() {
		return errs.E(errs.Invalid, "write part", p.key, fmt.Errorf("rows of bytes, where the part has %v", p.schema))
	}
	if b.Len() == 0 {
		return nil
	}
	if _, raw := p.format.(recordsWriter); !raw {
		return p.write(columnOf(p.schema, b))
	}
	if err := p.writeThrough(b.Data[b.Off[0]:b.Off[b.Len()]]); err != nil {
		return errs.E(errs.Other, "write part", p.key, err)
	}
	p.rows += int64(b.Len())
	return nil
}

// plain says that a row is one string of bytes.
func (p *Part) plain() bool {
	if p.schema.NumFields() != 1 {
		return false
	}
	id := p.schema.Field(0).Type.ID()
	return id == arrow.STRING || id == arrow.BINARY
}

// columnOf is rows as a batch of the one column of schema, over the same memory.
func columnOf(schema *arrow.Schema, b *rows.Records) arrow.RecordBatch {
	data := array.NewData(schema.Field(0).Type, b.Len(), []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(b.Off)), memory.NewBufferBytes(b.Data)}, nil, 0, 0)
	return array.NewRecordBatch(schema, []arrow.Array{array.MakeFromData(data)}, int64(b.Len()))
}

// writeThrough hands data to the store behind what has gathered, in place where that is worth a write.
func (p *Part) writeThrough(data []byte) (err error) {
	if len(data) < flushAt/2 {
		p.buf, err = gather(p.buf, data, p.flush)
		return err
	}
	if len(p.buf) > 0 {
		if p.buf, err = p.flush(p.buf); err != nil {
			return err
		}
	}
	_, err = p.flush(data)
	return err
}
