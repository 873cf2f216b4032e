package plugincheck

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec"
)

// columns reads encoded rows to see that they are some.
type columns struct{ dec *codec.Decoder }

func newColumns(fields []arrow.Field) (columns, error) {
	dec, err := codec.NewDecoder(fields)
	return columns{dec}, err
}

// read gives the fault of a row.
func (c columns) read(row []byte) error { return c.dec.NewBuilder().Append(row) }
