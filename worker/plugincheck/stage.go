package plugincheck

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
)

// schemas are those of a stage, read.
type schemas struct{ key, value, output []arrow.Field }

func readSchemas(s *pluginv1.Stage) (sc schemas, err error) {
	read := func(what string, raw []byte) ([]arrow.Field, error) {
		schema, err := codec.UnmarshalSchema(raw)
		if err != nil {
			return nil, fmt.Errorf("%s schema: %w", what, err)
		}
		return schema.Fields(), nil
	}
	for n := range max(1, len(s.GetInputs())) {
		in := boundary.InputOf(s, n)
		if in.GetInputKind() == pluginv1.Stage_INPUT_KIND_UNSPECIFIED {
			return sc, errs.New(errs.Invalid, "input %d %s has no kind", n, in.GetName())
		}
		if in.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW {
			if _, err = read("input", in.GetInputSchema()); err != nil {
				return sc, err
			}
		}
	}
	if !s.GetMapOnly() || len(s.GetKeySchema()) > 0 {
		if sc.key, err = read("key", s.GetKeySchema()); err != nil {
			return sc, err
		}
	}
	if sc.value, err = read("value", s.GetValueSchema()); err != nil {
		return sc, err
	}
	if sc.output, err = read("output", s.GetOutputSchema()); err != nil {
		return sc, err
	}
	for _, o := range s.GetOutputs() {
		if _, err = read("output "+o.GetName(), o.GetSchema()); err != nil {
			return sc, err
		}
	}
	if s.GetMapOnly() {
		err = sc.checkMapOnly()
	}
	return sc, err
}

// checkMapOnly holds the schemas of a stage that only maps to its values being the rows.
func (sc *schemas) checkMapOnly() error {
	if len(sc.key) > 0 {
		return errs.New(errs.Invalid, "map_only, and the key schema has columns: %v", sc.key)
	}
	if !slices.EqualFunc(codec.OutputFields(sc.value), sc.output, func(a, b arrow.Field) bool {
		return a.Nullable == b.Nullable && arrow.TypeEqual(a.Type, b.Type)
	}) {
		return errs.New(errs.Invalid, "map_only, and the value schema %v is not of the types of the output schema %v", sc.value, sc.output)
	}
	return nil
}

// stage is a stage under check.
type stage struct {
	*checker
	schemas
	n    uint32
	desc *pluginv1.Stage
}

func newStage(c *checker, n int) (*stage, error) {
	desc := c.about.GetStages()[n]
	sc, err := readSchemas(desc)
	return &stage{checker: c, schemas: sc, n: uint32(n), desc: desc}, err
}

// run makes the checks of the stage.
func (s *stage) run(ctx context.Context) error {
	prefix := ""
	if len(s.about.GetStages()) > 1 {
		prefix = s.desc.GetName() + ": "
	}
	var pairs []pair // what the maps of all inputs gave
	for n := range max(1, len(s.desc.GetInputs())) {
		in := boundary.InputOf(s.desc, n)
		name := prefix
		if in.GetName() != "" {
			name += in.GetName() + ": "
		}
		if !s.desc.GetHasMap() {
			break // the worker maps by itself
		}
		m := &mapChecks{stage: s, name: name, input: uint32(n), in: in}
		if err := m.run(ctx); err != nil {
			return err
		}
		pairs = append(pairs, m.whole.pairs...)
	}
	_, _, folds := codec.FoldFor(s.desc.GetFold(), s.value)
	opaque := s.desc.GetFold() != pluginv1.Stage_FOLD_UNSPECIFIED && !folds
	if s.desc.GetMapOnly() || !s.desc.GetHasReduce() && !opaque {
		return nil // the worker makes the rows by itself
	}
	return (&reduceChecks{stage: s, name: prefix, pairs: inOrder(pairs)}).run(ctx)
}
