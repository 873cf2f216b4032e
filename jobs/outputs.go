package jobs

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
)

// NamedOutput is a further output of a job. Output makes one.
type NamedOutput interface {
	// outlet compiles it.
	outlet() (outlet, error)
}

// outlet is a named output, compiled.
type outlet struct {
	of      NamedOutput
	name    string
	layout  layout
	columns *codec.Decoder
}

// Named is a handle of a named output with rows of type T. It is a package-level variable, listed in Job.Outputs.
type Named[T any] struct {
	name string
	rows *codec.Codec[T] // nil: T cannot be a row, as compiling the job says
	err  error
}

// Output makes a handle of an output beside the job's own. Its rows land under the job's output, in a folder of its name, with
// as many parts as that has; all become visible together, or none. The name is 1 to 40 of a-z, 0-9 and -.
func Output[T any](name string) *Named[T] {
	o := &Named[T]{name: name}
	o.rows, o.err = codec.For[T]()
	return o
}

func (o *Named[T]) outlet() (outlet, error) {
	if !nameRE.MatchString(o.name) {
		return outlet{}, fmt.Errorf("the name %q of an output is not 1 to 40 of a-z, 0-9 and -", o.name)
	}
	t, err := newTable[T](nil)
	if err != nil {
		return outlet{}, fmt.Errorf("output %s: %w", o.name, err)
	}
	return outlet{o, o.name, t.layout, t.columns}, nil
}

// Emit writes a row to the output, from the job's Reduce, or from its Map where it only maps. ctx is the one given to that
// function. It never fails: if the attempt dies, the row is discarded with all others. It panics where the output is not in
// Job.Outputs.
func (o *Named[T]) Emit(ctx context.Context, row T) {
	outs, _ := ctx.Value(outletsKey{}).(*outlets)
	w := outs.writer(o)
	if w == nil {
		panic(fmt.Sprintf("jobs: output %q is not listed in Job.Outputs, or this is not the context that the job's Reduce (or the Map of one that only maps) was given", o.name))
	}
	outs.scratch = o.rows.Append(outs.scratch[:0], row)
	w.add(0, outs.scratch)
	w.end()
}

type outletsKey struct{}

// outlets are the writers of an attempt's named outputs. They belong to its goroutine.
type outlets struct {
	of      []outlet
	writers []*rowWriter
	scratch []byte
}

// namedPort is the end of an attempt that takes rows of named outputs.
type namedPort interface {
	Batch() int
	SendNamed(output int, rec arrow.RecordBatch) error
}

// newOutlets makes the writers of an attempt and the context that has them.
func newOutlets(ctx context.Context, of []outlet, port namedPort) (context.Context, *outlets) {
	if len(of) == 0 {
		return ctx, nil
	}
	outs := &outlets{of: of}
	for i, o := range of {
		send := func(rec arrow.RecordBatch) error { return port.SendNamed(i, rec) }
		outs.writers = append(outs.writers, newRowWriter(o.layout, port.Batch(), send, o.columns))
	}
	return context.WithValue(ctx, outletsKey{}, outs), outs
}

func (o *outlets) writer(of NamedOutput) *rowWriter {
	if o != nil {
		for i := range o.of {
			if o.of[i].of == of {
				return o.writers[i]
			}
		}
	}
	return nil
}

// failed is the first error of any of them.
func (o *outlets) failed() error {
	if o != nil {
		for _, w := range o.writers {
			if w.err != nil {
				return w.err
			}
		}
	}
	return nil
}

// finish sends what is left.
func (o *outlets) finish() error {
	if o != nil {
		for _, w := range o.writers {
			w.send()
		}
	}
	return o.failed()
}

// compileOutputs compiles the named outputs of a job and describes them.
func compileOutputs(list []NamedOutput) (of []outlet, about []*pluginv1.Output, err error) {
	if len(list) > boundary.MaxOutputs {
		return nil, nil, fmt.Errorf("%d of them are more than %d", len(list), boundary.MaxOutputs)
	}
	for _, n := range list {
		o, err := n.outlet()
		if err != nil {
			return nil, nil, err
		}
		for _, other := range of {
			if other.name == o.name {
				return nil, nil, fmt.Errorf("two outputs are called %s", o.name)
			}
		}
		schema, err := codec.MarshalSchema(o.layout.schema)
		if err != nil {
			return nil, nil, err
		}
		of, about = append(of, o), append(about, &pluginv1.Output{Name: o.name, Schema: schema})
	}
	return of, about, nil
}
