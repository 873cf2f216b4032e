package replay

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/table"
)

// Of the outputs of an attempt one is printed, and the others go nowhere.

// has checks that a stage has the output that is to be printed.
func (p *printed) has(stage *pluginv1.Stage) error {
	var names []string
	for _, o := range stage.GetOutputs() {
		names = append(names, o.GetName())
	}
	if p.named != "" && !slices.Contains(names, p.named) {
		return errs.New(errs.Invalid, "the stage has no output called %s; its named outputs are %q", p.named, names)
	}
	return nil
}

// result begins the part of the result.
func (p *printed) result(ctx context.Context, schema *arrow.Schema) (table.PartWriter, error) {
	if p.named != "" {
		return nowhere{}, nil
	}
	return p.part(ctx, schema)
}

// output gives what begins the parts of a stage's named outputs.
func (p *printed) output(stage *pluginv1.Stage) func(context.Context, int, *arrow.Schema) (table.PartWriter, error) {
	return func(ctx context.Context, i int, schema *arrow.Schema) (table.PartWriter, error) {
		if stage.GetOutputs()[i].GetName() != p.named {
			return nowhere{}, nil
		}
		return p.part(ctx, schema)
	}
}

// nowhere is a part that nobody wants to see.
type nowhere struct{}

func (nowhere) Write(arrow.RecordBatch) error { return nil }
func (nowhere) Stage(context.Context) error   { return nil }
func (nowhere) Abort()                        {}
