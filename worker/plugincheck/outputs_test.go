package plugincheck

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/jobs"
)

func TestOutputs(t *testing.T) {
	// What fails where a map breaks a rule as it ends. What compares it with others is then skipped.
	ends := []string{"map, empty", "map, one", "map, many", "map, 64 KiB", "map, 4 MiB", "map, not UTF-8"}
	for mode, want := range map[string][]string{
		"outputs, reduced":    nil,
		"outputs, mapped":     nil,
		"outputs, not there":  ends,
		"outputs, other rows": ends,
		"outputs, from a map": ends,
		"outputs, not counted": {"map, one", "map, many", "map, 64 KiB", "map, 4 MiB", "map, not UTF-8", "map, batches", "map, messages", "map, again",
			"map, at once", "map, cancelled"},
		"outputs, by attempt": {"map, batches", "map, messages", "map, again", "map, at once", "map, cancelled"},
		"outputs, values":     {"describe"},
		"outputs, keys":       {"describe"},
		"outputs, name":       {"describe"},
		"outputs, no reduce":  {"describe"},
	} {
		t.Run(mode, func(t *testing.T) {
			failed, skipped := results(t, mode)
			if !slices.Equal(failed, want) {
				t.Errorf("these checks fail: %q, want %q", failed, want)
			}
			if want == nil && len(skipped) > 0 {
				t.Errorf("these are skipped: %q", skipped)
			}
		})
	}
}

var long = jobs.Output[string]("long")

// emitLong gives long lines to the named output.
func emitLong(ctx context.Context, line string) {
	if len(line) > 20 {
		long.Emit(ctx, line)
	}
}

var reducing = jobs.Job[string, string, int64, string]{
	Name: "reduced",
	Map: func(_ context.Context, line string, emit func(string, int64)) error {
		if line == "BOOM" {
			return errors.New("no good")
		}
		emit(line, 1)
		return nil
	},
	Reduce: func(ctx context.Context, key string, _ iter.Seq[int64], emit func(string)) error {
		emitLong(ctx, key)
		emit(key)
		return nil
	},
	Outputs: []jobs.NamedOutput{long},
}

// calls counts the records of all attempts, on which no job's rows may depend.
var calls atomic.Int64

func onlyMaps(mode string) jobs.Job[string, jobs.None, string, string] {
	j := jobs.Each("mapped", func(ctx context.Context, line string, emit func(string)) error {
		if line == "BOOM" {
			return errors.New("no good")
		}
		if emitLong(ctx, line); mode == "outputs, by attempt" && calls.Add(1)%7 == 0 {
			long.Emit(ctx, "")
		}
		emit(line)
		return nil
	})
	j.Outputs = []jobs.NamedOutput{long}
	return j
}

// liar is a job with a named output that breaks the rule its mode names.
type liar struct{ mode string }

func (l liar) Program() (boundary.Program, error) {
	p, err := onlyMaps(l.mode).Program()
	if l.mode == "outputs, reduced" || l.mode == "outputs, from a map" {
		p, err = reducing.Program()
	}
	if err != nil {
		return nil, err
	}
	about := proto.CloneOf(p.Describe())
	columns, err := codec.MarshalSchema(numbers)
	switch l.mode {
	case "outputs, values":
		about.ValueSchema = columns
	case "outputs, keys":
		about.KeySchema = columns
	case "outputs, name":
		about.Outputs[0].Name = "Long"
	case "outputs, no reduce":
		about.MapOnly = false
	}
	return lying{p, about, l.mode}, err
}

// numbers is the schema of no output.
var numbers = arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.PrimitiveTypes.Int64}}, nil)

type lying struct {
	boundary.Program
	about *pluginv1.Stage
	mode  string
}

func (l lying) Describe() *pluginv1.Stage { return l.about }

// Map implements boundary.Program.
func (l lying) Map(ctx context.Context, start *pluginv1.MapStart, port boundary.MapPort) (*pluginv1.Counters, error) {
	c, err := l.Program.Map(ctx, start, port)
	if err != nil {
		return nil, err
	}
	switch l.mode {
	case "outputs, not there":
		err = sendRow(port, 16, arrow.NewSchema(numbers.Fields()[:1], nil))
	case "outputs, other rows", "outputs, from a map":
		err = sendRow(port, 0, arrow.NewSchema(numbers.Fields()[:1], nil))
	case "outputs, not counted":
		c.PairsOut += c.RecordsIn
	}
	return c, err
}

func sendRow(port boundary.MapPort, output int, schema *arrow.Schema) error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, f := range b.Fields() {
		f.AppendEmptyValue()
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	return port.SendNamed(output, rec)
}
