package jobs

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
)

// program is a job compiled. It is never changed after that; each attempt has its own state.
type program[In, K, V, Out any] struct {
	job     Job[In, K, V, Out]
	about   *pluginv1.Stage
	keys    *codec.Codec[K]
	sorted  *sorting[K, V] // nil: values come in any order
	vals    *codec.Codec[V]
	rows    *structs[In] // nil where In is no struct
	after   []int        // of the inputs, those that are rows of other stages
	inputs  []mapProgram // of the named inputs; none: the job's own Map
	out     *table[Out]  // rows of Out; nil when Reduce is nil
	pairs   *pairTable   // rows of a key and its value, when Reduce is nil
	outlets []outlet     // the named outputs
	words   bool         // the fold is of 64-bit integers, each value for itself
	tables  *sumTables   // for it
	folds   *foldTables[V]
	plain   bool // combining is off: jobstest shows that it changes nothing
}

var nameRE = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// compile checks a job and makes what runs it.
func compile[In, K, V, Out any](j Job[In, K, V, Out]) (*program[In, K, V, Out], error) {
	fail := func(format string, args ...any) (*program[In, K, V, Out], error) {
		part, _, _ := strings.Cut(format, ":")
		return nil, j.locate(part, errs.E(errs.Invalid, "job", j.Name, fmt.Errorf(format, args...)))
	}
	if !nameRE.MatchString(j.Name) {
		return fail("the name %q is not 1 to 40 of a-z, 0-9 and -", j.Name)
	}
	if j.wrong != nil {
		return fail("%w", j.wrong)
	}
	identity := j.isIdentity()
	if j.identity != nil && j.Map == nil && j.MapBatch == nil {
		j.Map = j.identity
	}
	switch {
	case len(j.Inputs) > 0 && (j.Map != nil || j.MapBatch != nil || j.block != nil):
		return fail("it has both Inputs and a Map: give each input its function by jobs.From")
	case len(j.Outputs) > 0 && j.Reduce == nil && !j.onlyMaps():
		return fail("Outputs are written by Reduce, and it has none")
	case j.block != nil && (j.Map != nil || j.MapBatch != nil):
		return fail("it is ready-made: leave its Map and MapBatch nil")
	case j.Map == nil && j.MapBatch == nil && j.block == nil && len(j.Inputs) == 0:
		return fail("it has no Map")
	case j.Map != nil && j.MapBatch != nil:
		return fail("it has both Map and MapBatch: keep one")
	case j.unfold != nil && j.Reduce == nil && !j.Combine.IsSet() && j.Combine.err == nil:
		return fail("its rows are made of what its own Combine leaves: leave that as it is")
	case j.Combine.err != nil:
		return fail("Combine: %w", j.Combine.err)
	}
	if j.onlyMaps() {
		if err := j.checkNone(); err != nil {
			return fail("%w", err)
		}
	}
	p := &program[In, K, V, Out]{job: j, words: j.Combine.into == nil && isWord[V](), tables: &sumTables{}, folds: &foldTables[V]{}}
	p.about = &pluginv1.Stage{Name: j.Name, MapOnly: j.onlyMaps()}
	var err error
	if len(j.Inputs) == 0 {
		if err = p.reads(); err != nil {
			return fail("%w", err)
		}
	}
	if p.keys, err = codec.ForKey[K](); err != nil {
		return fail("K: %w", err)
	}
	if p.vals, err = codec.For[V](); err != nil {
		return fail("V: %w", err)
	}
	keys, vals := named(p.keys.Fields(), "key"), p.vals.Fields()
	if j.SortBy != nil {
		if p.sorted, err = newSorting(&j, keys); err != nil {
			return fail("%w", err)
		}
		keys = p.sorted.fields
	}
	var out *arrow.Schema
	if j.Reduce != nil {
		if p.out, err = newTable[Out](j.Columns); err != nil {
			return fail("Out: %w", err)
		}
		out = p.out.schema
	} else {
		pair, shown := reflect.TypeFor[Pair[K, V]](), vals
		if j.unfold != nil {
			pair, shown = j.unfold.pair, j.unfold.fields
		}
		if p.pairs, err = newPairTable[Out](keys, shown, pair, j.Columns); err != nil {
			return fail("Out: %w", err)
		}
		out = p.pairs.schema
	}
	// The engine shows all columns of a pair: where some are picked, the plugin makes the rows.
	reduces := j.Reduce != nil || p.pairs.pick != nil || j.unfold != nil
	p.about.Fold, p.about.HasMap, p.about.HasReduce = j.Combine.kind, true, reduces
	p.about.HasPartition, p.about.Identity = j.Partition != nil || p.sorted != nil, identity
	if p.about.Sides, err = sideNames(j.Sides); err != nil {
		return fail("Sides: %w", err)
	}
	if p.outlets, p.about.Outputs, err = compileOutputs(j.Outputs); err != nil {
		return fail("Outputs: %w", err)
	}
	if err := p.readsInputs(); err != nil {
		return fail("%w", err)
	}
	for _, s := range []struct {
		to     *[]byte
		schema *arrow.Schema
	}{
		{&p.about.KeySchema, arrow.NewSchema(keys, nil)},
		{&p.about.ValueSchema, arrow.NewSchema(vals, nil)},
		{&p.about.OutputSchema, out},
	} {
		if *s.to, err = codec.MarshalSchema(s.schema); err != nil {
			return fail("%w", err)
		}
	}
	return p, nil
}

// Describe is what the worker is told of the job.
func (p *program[In, K, V, Out]) Describe() *pluginv1.Stage { return p.about }

// WithoutCombining is the same program with nothing folded before the reduce.
func (p *program[In, K, V, Out]) WithoutCombining() boundary.Program {
	q := *p
	q.plain, q.inputs = true, nil
	for _, in := range p.inputs {
		q.inputs = append(q.inputs, in.WithoutCombining().(mapProgram))
	}
	return &q
}

func inputKind[In any]() (pluginv1.Stage_InputKind, error) {
	t := reflect.TypeFor[In]()
	switch {
	case t.Kind() == reflect.String:
		return pluginv1.Stage_INPUT_KIND_STRING, nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return pluginv1.Stage_INPUT_KIND_BYTES, nil
	case t.Kind() == reflect.Struct:
		return pluginv1.Stage_INPUT_KIND_ROW, nil
	}
	return 0, fmt.Errorf("%v is neither string, []byte nor a struct", t)
}

// inputSchemaOf is the columns of rows.
func inputSchemaOf[In any](rows *structs[In]) *arrow.Schema {
	return arrow.NewSchema(withSources(reflect.TypeFor[In](), rows.codec.Fields()), nil)
}

// inputSchema is the one column that MapBatch gets of text.
func inputSchema(kind pluginv1.Stage_InputKind) *arrow.Schema {
	var t arrow.DataType = arrow.BinaryTypes.String
	if kind == pluginv1.Stage_INPUT_KIND_BYTES {
		t = arrow.BinaryTypes.Binary
	}
	return arrow.NewSchema([]arrow.Field{{Name: "record", Type: t}}, nil)
}

// named gives the one column of a type that is no struct a better name than "value".
func named(fields []arrow.Field, name string) []arrow.Field {
	if len(fields) == 1 && fields[0].Name == "value" {
		f := fields[0]
		f.Name = name
		return []arrow.Field{f}
	}
	return fields
}
