package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
)

// Input is one of several named inputs of a job: what it is called and how its records are mapped. From makes one.
type Input[K, V any] struct {
	name  string
	after bool // its records are the rows of the stage of that name
	// compile makes of the input, and of what it shares with the others, a program that has only a Map.
	compile func(of shared[K, V]) (mapProgram, error)
	// side makes it one side of a join.
	side func(side byte) Input[K, Joined]
}

// as is the input as one side of a join.
func (in Input[K, V]) as(side byte) Input[K, Joined] {
	if in.side == nil {
		return Input[K, Joined]{name: in.name} // refused when the job is compiled
	}
	of := in.side(side)
	of.after = in.after
	return of
}

// From names an input of a job and gives the function that maps its records, whose type In is the input's own: string,
// []byte or a struct, as in Job. The name is 1 to 40 of a-z, 0-9 and -. Who runs the job says what it is:
// mrctl run PLUGIN --input NAME=URI.
func From[In, K, V any](name string, fn func(ctx context.Context, rec In, emit func(K, V)) error) Input[K, V] {
	return Input[K, V]{
		name: name,
		compile: func(of shared[K, V]) (mapProgram, error) {
			if fn == nil {
				return nil, errors.New("it has no function")
			}
			return compileInput(name, fn, of)
		},
		side: func(side byte) Input[K, Joined] { return sideOf(name, fn, side) },
	}
}

// mapProgram is a program of which only Map is asked.
type mapProgram interface {
	boundary.Program
	input() *pluginv1.Input
	WithoutCombining() boundary.Program
}

// shared is what the inputs of a job have in common.
type shared[K, V any] struct {
	job       string
	combine   Combiner[V]
	partition func(key K, n int) int
	sorted    *sorting[K, V]
	keys      *codec.Codec[K]
	vals      *codec.Codec[V]
	words     bool
	tables    *sumTables
	folds     *foldTables[V]
	outlets   []outlet // of a job that only maps
}

// compileInput makes the program of an input. Its Out is nothing: rows are made by the job that it belongs to.
func compileInput[In, K, V any](name string, fn func(context.Context, In, func(K, V)) error, of shared[K, V]) (mapProgram, error) {
	p := &program[In, K, V, struct{}]{
		job:    Job[In, K, V, struct{}]{Name: of.job, Map: fn, Combine: of.combine, Partition: of.partition},
		sorted: of.sorted, keys: of.keys, vals: of.vals, words: of.words, tables: of.tables, folds: of.folds, outlets: of.outlets,
		about: &pluginv1.Stage{Name: name},
	}
	return p, p.reads()
}

// reads compiles In, and describes it.
func (p *program[In, K, V, Out]) reads() (err error) {
	if p.about.InputKind, err = inputKind[In](); err != nil {
		return fmt.Errorf("In: %w", err)
	}
	if p.rows, err = newStructs[In](); err != nil {
		return fmt.Errorf("In: %w", err)
	}
	p.about.RawLines = p.job.MapBatch == nil && p.rows == nil
	schema := inputSchema(p.about.InputKind)
	if p.rows != nil {
		schema = inputSchemaOf(p.rows)
	}
	p.about.InputSchema, err = codec.MarshalSchema(schema)
	return err
}

// input describes the program of an input as the worker is told of it.
func (p *program[In, K, V, Out]) input() *pluginv1.Input {
	a := p.about
	return &pluginv1.Input{Name: a.Name, InputSchema: a.InputSchema, InputKind: a.InputKind, RawLines: a.RawLines}
}

// readsInputs compiles the named inputs.
func (p *program[In, K, V, Out]) readsInputs() error {
	of := shared[K, V]{p.job.Name, p.job.Combine, p.job.Partition, p.sorted, p.keys, p.vals, p.words, p.tables, p.folds, p.outlets}
	for _, in := range p.job.Inputs {
		switch {
		case !nameRE.MatchString(in.name):
			return fmt.Errorf("the input's name %q is not 1 to 40 of a-z, 0-9 and -", in.name)
		case slices.ContainsFunc(p.about.Inputs, func(o *pluginv1.Input) bool { return o.Name == in.name }):
			return fmt.Errorf("two inputs are called %s", in.name)
		case in.compile == nil:
			return fmt.Errorf("input %s: make it with jobs.From or jobs.After", in.name)
		}
		m, err := in.compile(of)
		if err != nil {
			return fmt.Errorf("input %s: %w", in.name, err)
		}
		if in.after {
			p.after = append(p.after, len(p.inputs))
			if m.input().InputKind != pluginv1.Stage_INPUT_KIND_ROW {
				return fmt.Errorf("the rows of stage %s are no structs: give it an Out with fields, which are the columns", in.name)
			}
		}
		p.inputs, p.about.Inputs = append(p.inputs, m), append(p.about.Inputs, m.input())
	}
	return nil
}

// mapInput runs the attempt by the program of the input that it reads.
func (p *program[In, K, V, Out]) mapInput(ctx context.Context, start *pluginv1.MapStart, port boundary.MapPort) (*pluginv1.Counters, error) {
	n := start.GetInput()
	if uint64(n) >= uint64(len(p.inputs)) {
		return nil, failuref("the worker asks for input %d, and the job has %d", n, len(p.inputs))
	}
	return p.inputs[n].Map(ctx, start, port)
}

// filesOf sorts what a job is given by hand to its inputs: FILE, or NAME=FILE where they have names. Each named one is
// to be there.
func filesOf(about *pluginv1.Stage, args []string) ([][]string, error) {
	inputs := about.GetInputs()
	if len(inputs) == 0 {
		return [][]string{args}, nil
	}
	files, names := make([][]string, len(inputs)), make([]string, len(inputs))
	for i, in := range inputs {
		names[i] = in.GetName()
	}
	for _, arg := range args {
		name, file, ok := strings.Cut(arg, "=")
		i := slices.Index(names, name)
		if !ok || i < 0 || file == "" {
			return nil, fmt.Errorf("%q is not NAME=FILE, where NAME is an input of the job: %s", arg, strings.Join(names, ", "))
		}
		files[i] = append(files[i], file)
	}
	for i, list := range files {
		if len(list) == 0 {
			return nil, fmt.Errorf("input %s is missing: give %s=FILE", names[i], names[i])
		}
	}
	return files, nil
}
