// Package table turns encoded pairs into the rows of a result: Arrow record batches for the writer of a part. It is the
// end of jobs whose pairs are the result (map-only, no reduce) and of those whose fold the engine finishes itself.
package table

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
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
	key, val *codec.Decoder
	build    []array.Builder // of the key's columns, then the value's
	keys     int             // how many are the key's
	part     PartWriter
	limit    int // bytes of pairs in a batch

	rows  int
	bytes int
	total int64
}

// Schema is the columns of a stage whose result is its pairs: those of the key, then those of the value.
func Schema(stage *pluginv1.Stage) (*arrow.Schema, error) {
	key, val, err := pairFields(stage)
	if err != nil {
		return nil, err
	}
	return arrow.NewSchema(codec.OutputFields(append(key[:len(key):len(key)], val...)), nil), nil
}

func pairFields(stage *pluginv1.Stage) (key, val []arrow.Field, err error) {
	if key, err = Fields(stage.GetKeySchema()); err != nil {
		return nil, nil, err
	}
	val, err = Fields(stage.GetValueSchema())
	return key, val, err
}

// NewColumns makes columns of the stage's Schema that write to part in batches of at most MaxRows rows and about limit
// bytes. Close must be called.
func NewColumns(stage *pluginv1.Stage, part PartWriter, limit int) (*Columns, error) {
	key, val, err := pairFields(stage)
	if err != nil {
		return nil, err
	}
	c := &Columns{keys: len(key), part: part, limit: limit}
	if c.schema, err = Schema(stage); err != nil {
		return nil, err
	}
	if c.key, err = codec.NewDecoder(key); err != nil {
		return nil, err
	}
	if c.val, err = codec.NewDecoder(val); err != nil {
		return nil, err
	}
	for _, f := range c.schema.Fields() {
		c.build = append(c.build, array.NewBuilder(memory.DefaultAllocator, f.Type))
	}
	return c, nil
}

// Append adds one pair, and writes a batch when there is enough for one. A pair that is not what the plugin's schemas
// say is the plugin's fault: UserCode.
func (c *Columns) Append(key, val []byte) error {
	if err := c.key.Append(key, c.build[:c.keys]); err != nil {
		return errs.E(errs.UserCode, "decode key", fmt.Sprintf("%.40q", key), err)
	}
	if err := c.val.Append(val, c.build[c.keys:]); err != nil {
		return errs.E(errs.UserCode, "decode value of key", fmt.Sprintf("%.40q", key), err)
	}
	c.rows++
	c.bytes += len(key) + len(val)
	if c.rows >= MaxRows || c.bytes >= c.limit {
		return c.Flush()
	}
	return nil
}

// Flush writes what has not been written.
func (c *Columns) Flush() error {
	if c.rows == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(c.build))
	for i, b := range c.build {
		arrays[i] = b.NewArray()
	}
	batch := array.NewRecordBatch(c.schema, arrays, int64(c.rows))
	for _, a := range arrays {
		a.Release()
	}
	defer batch.Release()
	c.total += int64(c.rows)
	c.rows, c.bytes = 0, 0
	return c.part.Write(batch)
}

// Rows is how many were written.
func (c *Columns) Rows() int64 { return c.total }

// Close gives up the memory of the columns.
func (c *Columns) Close() {
	for _, b := range c.build {
		b.Release()
	}
	c.build = nil
}
