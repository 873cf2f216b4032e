// Package table turns encoded pairs into the rows of a result: Arrow record batches for the writer of a part. It is the
// end of jobs whose pairs are the result (map-only, no reduce) and of those whose fold the engine finishes itself.
package table

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// MaxRows is the most rows in a batch.
const MaxRows = 8 << 10

// PartWriter writes one part of the output. Exactly one of Stage and Abort ends it.
type PartWriter interface {
	// Write takes the rows of a batch and keeps nothing of it.
	Write(arrow.RecordBatch) error
	// Stage makes the part durable, still invisible.
	Stage(ctx context.Context) error
	// Abort gives the part up. After Stage it does nothing.
	Abort()
}

// RecordWriter is a PartWriter that takes rows of one column of bytes as they are, with nothing made Arrow of them.
type RecordWriter interface {
	PartWriter
	// WriteRecords takes the rows of a batch and keeps nothing of it. The part has one column, of strings or bytes.
	WriteRecords(*rows.Records) error
}

// Fields reads the columns out of one of a stage's schemas. An empty schema has none.
func Fields(schema []byte) ([]arrow.Field, error) {
	if len(schema) == 0 {
		return nil, nil
	}
	s, err := codec.UnmarshalSchema(schema)
	if err != nil {
		return nil, errs.E(errs.UserCode, "plugin", "", err)
	}
	return s.Fields(), nil
}

// Columns turns pairs into batches. It is not safe for concurrent use.
type Columns struct {
	schema   *arrow.Schema
	key, val *codec.Builder
	part     PartWriter
	limit    int // bytes of pairs in a batch

	bytes int // since the last batch
	total int64
}

// Schema is the columns of a stage whose result is its pairs: those of the key, then those of the value. Their names are
// those of the stage's output where it has as many columns of the same types.
func Schema(stage *pluginv1.Stage) (*arrow.Schema, error) {
	key, val, err := pairFields(stage)
	if err != nil {
		return nil, err
	}
	return pairSchema(stage, key, val)
}

func pairSchema(stage *pluginv1.Stage, key, val []arrow.Field) (*arrow.Schema, error) {
	pairs := codec.OutputFields(slices.Concat(key, val))
	if len(stage.GetOutputSchema()) == 0 {
		return arrow.NewSchema(pairs, nil), nil
	}
	named, err := Fields(stage.GetOutputSchema())
	if err != nil {
		return nil, err
	}
	if slices.EqualFunc(named, pairs, func(a, b arrow.Field) bool { return a.Nullable == b.Nullable && arrow.TypeEqual(a.Type, b.Type) }) {
		pairs = named
	}
	return arrow.NewSchema(pairs, nil), nil
}

func pairFields(stage *pluginv1.Stage) (key, val []arrow.Field, err error) {
	if key, err = Fields(stage.GetKeySchema()); err != nil {
		return nil, nil, err
	}
	val, err = Fields(stage.GetValueSchema())
	return key, val, err
}

// NewColumns makes columns of the stage's Schema that write to part in batches of at most MaxRows rows and about limit
// bytes.
func NewColumns(stage *pluginv1.Stage, part PartWriter, limit int) (*Columns, error) {
	key, val, err := pairFields(stage)
	if err != nil {
		return nil, err
	}
	c := &Columns{part: part, limit: limit}
	if c.schema, err = pairSchema(stage, key, val); err != nil {
		return nil, err
	}
	if c.key, err = builder(key); err != nil {
		return nil, err
	}
	c.val, err = builder(val)
	return c, err
}

func builder(fields []arrow.Field) (*codec.Builder, error) {
	d, err := codec.NewDecoder(fields)
	if err != nil {
		return nil, err
	}
	return d.NewBuilder(), nil
}

// Append adds one pair, and writes a batch when there is enough for one. A pair that is not what the plugin's schemas
// say is the plugin's fault: UserCode. After an error nothing more can be added.
func (c *Columns) Append(key, val []byte) error {
	if err := c.key.Append(key); err != nil {
		return errs.E(errs.UserCode, "decode key", fmt.Sprintf("%.40q", key), err)
	}
	if err := c.val.Append(val); err != nil {
		return errs.E(errs.UserCode, "decode value of key", fmt.Sprintf("%.40q", key), err)
	}
	c.bytes += len(key) + len(val)
	if c.key.Len() >= MaxRows || c.bytes >= c.limit {
		return c.Flush()
	}
	return nil
}

// Flush writes what has not been written.
func (c *Columns) Flush() error {
	n := int64(c.key.Len())
	if n == 0 {
		return nil
	}
	c.total += n
	c.bytes = 0
	return c.part.Write(array.NewRecordBatch(c.schema, c.val.Take(c.key.Take(nil)), n))
}

// Rows is how many were written.
func (c *Columns) Rows() int64 { return c.total }
