package jobstest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/typed"
	"github.com/mrctl/mrctl/jobs"
)

// input is what LawsOf is given of an input. Records of jobs that have several travel as the number of their input, a byte, and
// their encoding, so that they are left out and made simpler together.
type input struct {
	name     string
	schema   *arrow.Schema // of a struct
	text     bool          // else; of string, not []byte
	given    [][]byte
	generate func(n int, seed uint64) [][]byte
	kind     *kind
	err      error
}

// Records are records of the input of that name, for LawsOf; of a job that has a Map the name is "". Each input of a job needs some,
// or an empty list.
func Records[In any](name string, records []In) Option {
	in := input{name: name}
	in.kind, in.err = kindOf[In]()
	if in.err == nil {
		in.given = encoded(records, in.kind)
		in.generate = func(n int, seed uint64) [][]byte { return encoded(generate(records, n, seed), in.kind) }
	}
	typ := reflect.TypeFor[In]()
	in.text = typ.Kind() == reflect.String
	if typ.Kind() == reflect.Struct && in.err == nil {
		var c *codec.Codec[In]
		if c, in.err = codec.For[In](); in.err == nil {
			in.schema = arrow.NewSchema(c.Fields(), nil)
		}
	}
	return func(o *options) { o.inputs = append(o.inputs, in) }
}

// LawsOf is Laws of a job with several inputs, joins among them, or of several stages, which are run as jobs.Main would run them:
// the last one's rows must be the same, however each of them is cut, batched, combined, ordered and retried. The records are given
// by Records, for each input.
//
//	jobstest.LawsOf(t, []jobs.Stage{job},
//		jobstest.Records("users", users), jobstest.Records("events", events))
//
// That a Combiner is associative and commutative shows here only where it changes the result: Laws of the stage by itself, with
// a Map, tries it on the values.
func LawsOf(t *testing.T, stages []jobs.Stage, opts ...Option) {
	t.Helper()
	c, given, o := chained(t, stages, opts)
	if _, err := run(t.Context(), c, given, setting{}); err != nil {
		t.Fatalf("the job fails on these records: %v", err)
	}
	var made [][]byte
	for i, in := range o.inputs {
		made = append(made, tagged(i, in.generate(o.generated, o.seed+uint64(i)))...)
	}
	made, v := bearable(t.Context(), c, made, o)
	if v != nil {
		t.Fatal(v)
	}
	try(t, c, slices.Concat(given, made), o)
}

// chained compiles the stages of a job, and brings together what they are given.
func chained(t *testing.T, stages []jobs.Stage, opts []Option) (*chain, [][]byte, options) {
	t.Helper()
	programs, err := jobs.Programs(stages...)
	if err != nil {
		t.Fatal(err)
	}
	o := optionsOf(opts)
	c := &chain{reads: map[string]int{}}
	for i, p := range programs {
		about := p.Describe()
		for _, in := range inputsOf(about) {
			if in.GetAfter() == 0 {
				c.read(t, in, o.inputs)
			}
		}
		programs[i] = withSides(t, p, o)
	}
	c.programs, c.Program = programs, programs[len(programs)-1]
	var given [][]byte
	for i, in := range o.inputs {
		switch n, known := c.reads[in.name]; {
		case !known:
			t.Fatalf("jobstest.Records(%q, ...): the job has no input of that name", in.name)
		case n != i:
			t.Fatalf("jobstest.Records(%q, ...) is given twice", in.name)
		}
		given = append(given, tagged(i, in.given)...)
	}
	o.kind = kindOfAll(o.inputs)
	return c, given, o
}

// inputsOf are the inputs of a stage; one that has no names is one with the name "".
func inputsOf(about *pluginv1.Stage) []*pluginv1.Input {
	if len(about.GetInputs()) > 0 {
		return about.GetInputs()
	}
	return []*pluginv1.Input{{InputSchema: about.GetInputSchema(), InputKind: about.GetInputKind()}}
}

func tagged(input int, records [][]byte) [][]byte {
	out := make([][]byte, len(records))
	for i, r := range records {
		out[i] = append([]byte{byte(input)}, r...)
	}
	return out
}

// kindOfAll is the kind of records that begin with the number of their input.
func kindOfAll(inputs []input) *kind {
	return &kind{
		show: func(enc []byte) string {
			in := inputs[enc[0]]
			if in.name == "" {
				return in.kind.show(enc[1:])
			}
			return in.name + ": " + in.kind.show(enc[1:])
		},
		simplify: func(enc []byte, try func([]byte) bool) bool {
			return inputs[enc[0]].kind.simplify(enc[1:], func(simpler []byte) bool {
				return try(append([]byte{enc[0]}, simpler...))
			})
		},
	}
}

// chain is a job of several stages, or inputs. As a program it is its last stage.
type chain struct {
	boundary.Program
	programs []boundary.Program
	reads    map[string]int // the number of an input's records
}

// read finds the records of an input.
func (c *chain) read(t *testing.T, in *pluginv1.Input, given []input) {
	t.Helper()
	i := slices.IndexFunc(given, func(g input) bool { return g.name == in.GetName() })
	if i < 0 {
		t.Fatalf("the input %s has no records: give it some with jobstest.Records(%q, ...)", strconv.Quote(in.GetName()), in.GetName())
	}
	g := given[i]
	if g.err != nil {
		t.Fatalf("jobstest.Records(%q, ...): %v", g.name, g.err)
	}
	if err := g.fits(in); err != nil {
		t.Fatalf("jobstest.Records(%q, ...): %v", g.name, err)
	}
	c.reads[in.GetName()] = i
}

// fits says what is wrong with records of the type given as those of an input.
func (g input) fits(in *pluginv1.Input) error {
	schema, err := codec.UnmarshalSchema(in.GetInputSchema())
	if err != nil {
		return err
	}
	same := in.GetInputKind() == pluginv1.Stage_INPUT_KIND_BYTES && g.schema == nil && !g.text ||
		in.GetInputKind() == pluginv1.Stage_INPUT_KIND_STRING && g.text
	if in.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW && g.schema != nil {
		same = slices.EqualFunc(schema.Fields(), g.schema.Fields(), func(a, b arrow.Field) bool {
			return a.Name == b.Name && arrow.TypeEqual(a.Type, b.Type)
		})
	}
	if !same {
		return fmt.Errorf("its records are of another type than those of the input, which are of %v", schema)
	}
	return nil
}

// run runs all stages, one after the other.
func (c *chain) run(ctx context.Context, records [][]byte, s setting) (res result, err error) {
	given := make([][][]byte, len(c.reads))
	for _, r := range records {
		given[r[0]] = append(given[r[0]], r[1:])
	}
	rows := make([]*heap, len(c.programs))
	var bad uint64
	for i, p := range c.programs {
		about := p.Describe()
		var inputs [][][]byte
		for _, in := range inputsOf(about) {
			if after := in.GetAfter(); after > 0 {
				inputs = append(inputs, rows[after-1].records)
			} else {
				inputs = append(inputs, given[c.reads[in.GetName()]])
			}
		}
		if rows[i], err = c.heapOf(i); err != nil {
			return res, err
		}
		if res, err = runStage(ctx, p, inputs, s, rows[i].put); err != nil {
			if len(c.programs) > 1 {
				err = fmt.Errorf("stage %s: %w", about.GetName(), err)
			}
			return res, err
		}
		bad += res.bad
	}
	res.bad = bad
	return res, nil
}

// heap is the rows of a stage, as records of those that follow.
type heap struct {
	table   *typed.Table // nil: none does
	records [][]byte
}

func (c *chain) heapOf(stage int) (*heap, error) {
	for _, p := range c.programs[stage+1:] {
		for _, in := range p.Describe().GetInputs() {
			if int(in.GetAfter()) != stage+1 {
				continue
			}
			columns, err := codec.UnmarshalSchema(in.GetInputSchema())
			if err != nil {
				return nil, err
			}
			out, err := codec.UnmarshalSchema(c.programs[stage].Describe().GetOutputSchema())
			if err != nil {
				return nil, err
			}
			list, err := typed.New(columns.Fields())
			if err != nil {
				return nil, err
			}
			table, err := list.Table(out)
			return &heap{table: table}, err
		}
	}
	return &heap{}, nil
}

func (h *heap) put(rec arrow.RecordBatch) error {
	if h.table == nil {
		return nil
	}
	h.table.Bind(rec)
	for i := range int(rec.NumRows()) {
		r, err := h.table.Append(nil, i)
		if err != nil {
			return err
		}
		h.records = append(h.records, r)
	}
	return nil
}
