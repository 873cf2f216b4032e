package codec

import (
	"bytes"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
)

// MarshalSchema is the Arrow IPC schema message of a schema, as Describe carries it.
func MarshalSchema(s *arrow.Schema) ([]byte, error) {
	p := ipc.GetSchemaPayload(s, memory.DefaultAllocator)
	defer p.Release()
	var buf bytes.Buffer
	if _, err := p.WritePayload(&buf); err != nil {
		return nil, errs.E(errs.Invalid, "schema", "", err)
	}
	return buf.Bytes(), nil
}

// UnmarshalSchema is the inverse of MarshalSchema. Bytes from elsewhere are safe to give it.
func UnmarshalSchema(b []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, errs.E(errs.Corrupt, "schema", "", err)
	}
	defer r.Release()
	return r.Schema(), nil
}

// KeyText shows an encoded key to people: a lone string in quotes, anything else as a JSON object of its columns.
func KeyText(fields []arrow.Field, enc []byte) string {
	const most = 200
	var text string
	switch {
	case isRaw(fields):
		text = strconv.Quote(string(enc[:min(len(enc), most)]))
	default:
		show, err := TextFor(arrow.StructOf(fields...))
		if err == nil {
			var b []byte
			b, _, err = show(nil, enc)
			text = string(b)
		}
		if err != nil {
			text = "0x" + strconv.Quote(string(enc[:min(len(enc), most)]))
		}
	}
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}
