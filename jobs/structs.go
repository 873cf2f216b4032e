package jobs

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/codec/wire"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/typed"
)

// Where In is a struct, the worker reads CSV, JSON lines and the like and sends rows in the encoding of keys and values;
// here they become structs, or, for MapBatch, columns.

// structs is how rows become what the job maps.
type structs[In any] struct {
	codec   *codec.Codec[In]
	columns *codec.Decoder
	schema  *arrow.Schema // of what MapBatch gets
}

// newStructs compiles In; nil where it is no struct.
func newStructs[In any]() (*structs[In], error) {
	if reflect.TypeFor[In]().Kind() != reflect.Struct {
		return nil, nil
	}
	c, err := codec.For[In]()
	if err != nil {
		return nil, err
	}
	if _, err := typed.New(c.Fields()); err != nil {
		return nil, err
	}
	d, err := codec.NewDecoder(c.Fields())
	return &structs[In]{c, d, arrow.NewSchema(codec.OutputFields(c.Fields()), nil)}, err
}

// withSources says of each column which field of the struct it is read for, so that errors can name it.
func withSources(t reflect.Type, fields []arrow.Field) []arrow.Field {
	out := slices.Clone(fields)
	i := 0
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		for f := range of.Fields() {
			switch {
			case f.Name == "_":
			case f.Anonymous && f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]():
				walk(f.Type)
			default:
				m := out[i].Metadata
				out[i].Metadata = arrow.NewMetadata(append(slices.Clone(m.Keys()), wire.Source), append(slices.Clone(m.Values()), of.Name()+"."+f.Name))
				i++
			}
		}
	}
	walk(t)
	return out
}

// mapStructs is mapRecords for rows.
func (a *mapAttempt[In, K, V, Out]) mapStructs(in *boundary.Input) (err error) {
	row, returned := 0, false
	defer func() {
		if !returned {
			a.goexit = at(in, row, panicked(recover()))
			err = a.goexit
		}
	}()
	for n := in.Len(); row < n; row++ {
		enc := in.Data[in.Off[row]:in.Off[row+1]:in.Off[row+1]]
		rec, err := a.rows.codec.Decode(enc)
		if err == nil {
			if err = a.fn(a.ctx, rec, a.emit); err == nil {
				err = a.e.err
			} else if isBad(err) {
				err = a.setAside(in, row, []byte(codec.KeyText(a.rows.codec.Fields(), enc)), err)
			} else {
				err = at(in, row, &boundary.Failure{Text: err.Error()})
			}
		}
		if err == nil && a.watched {
			err = a.port.Progress(a.records + uint64(row) + 1)
		}
		if err != nil {
			returned = true
			return placeError(in, row, err)
		}
	}
	returned = true
	return nil
}

// columnsOf is a batch of rows as columns, valid until the next.
func (a *mapAttempt[In, K, V, Out]) columnsOf(in *boundary.Input) (arrow.RecordBatch, error) {
	if a.builder == nil {
		a.builder = a.rows.columns.NewBuilder()
	}
	for i := range in.Len() {
		if err := a.builder.Append(in.Data[in.Off[i]:in.Off[i+1]]); err != nil {
			return nil, err
		}
	}
	a.arrays = a.builder.Take(a.arrays[:0])
	return array.NewRecordBatch(a.rows.schema, a.arrays, int64(in.Len())), nil
}

// structReader reads files of CSV or JSON lines, each whole, as batches of rows.
type structReader struct {
	lineReader
	columns *typed.Columns
	parser  typed.Parser
	data    []byte // of the file that is open, not parsed yet
}

func newStructReader(schema []byte, files []string, stdin io.Reader) (*structReader, error) {
	s, err := codec.UnmarshalSchema(schema)
	if err != nil {
		return nil, err
	}
	columns, err := typed.New(s.Fields())
	return &structReader{lineReader: lineReader{files: files, stdin: stdin}, columns: columns}, err
}

// next gives the rows of a file, about 1 MiB of them.
func (s *structReader) next() (*boundary.Input, error) {
	r := rows.Records{Off: []int32{0}}
	for len(r.Data) < boundary.BatchSize {
		if len(s.data) == 0 {
			if len(s.files) == 0 || r.Len() > 0 {
				break
			}
			if err := s.begin(); err != nil {
				return nil, err
			}
			continue
		}
		data, n, ok, err := s.parser.Next(r.Data, s.data, true)
		if err != nil {
			return nil, fmt.Errorf("%s at byte %d: %w", s.name, s.off, err)
		}
		if ok {
			r.Data, r.Off, r.Starts = data, append(r.Off, int32(len(data))), append(r.Starts, s.off)
		}
		s.data, s.off = s.data[n:], s.off+int64(n)
	}
	if r.Len() == 0 {
		return nil, io.EOF
	}
	r.Origins = []rows.Origin{{Object: s.name}}
	s.recs = append(s.recs, rows.Records{Off: r.Off, Origins: r.Origins, Starts: r.Starts})
	return &boundary.Input{Number: uint64(len(s.recs) - 1), Records: r}, nil
}

// begin reads the next file. What it is, its name says, or else its first byte.
func (s *structReader) begin() (err error) {
	if err = s.open(); err != nil {
		return err
	}
	s.data, err = io.ReadAll(s.file)
	s.close()
	if err != nil {
		return fmt.Errorf("read %s: %w", s.name, err)
	}
	ext := path.Ext(s.name)
	if head := bytes.TrimSpace(s.data[:min(len(s.data), 1<<10)]); ext == ".jsonl" || ext == ".ndjson" || ext != ".csv" && ext != ".tsv" && bytes.HasPrefix(head, []byte("{")) {
		s.parser = s.columns.JSON()
		return nil
	}
	var d typed.Dialect
	if ext == ".tsv" {
		d.Comma = '\t'
	}
	s.parser, err = s.columns.CSV(d, true)
	return err
}

// source reads the input of a job that is run by hand, and knows where each record was.
type source interface {
	next() (*boundary.Input, error)
	close()
	where(batch, row uint64) string
	place(err error) error
}

func newSource(about *pluginv1.Input, files []string, stdin io.Reader) (source, error) {
	if about.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW {
		return newStructReader(about.GetInputSchema(), files, stdin)
	}
	return &lineReader{files: files, stdin: stdin}, nil
}
