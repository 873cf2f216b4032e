package streaming

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/jobs"
)

// program is a Config compiled. It is never changed after that; each attempt has its own state.
type program struct {
	Config
	inner  boundary.Program // what is done to the lines that a map command wrote, and the Fold
	about  *pluginv1.Stage
	schema *arrow.Schema // of rows made here: all but those of a Fold
	log    io.Writer     // nil: standard error, as it is when an attempt begins
}

// Program implements jobs.Stage.
func (c Config) Program() (boundary.Program, error) { return c.compile() }

func (c Config) compile() (*program, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	p := &program{Config: c}
	var err error
	if p.inner, err = c.stage().Program(); err != nil {
		return nil, err
	}
	p.about = proto.CloneOf(p.inner.Describe())
	if c.Fold != "" {
		return p, nil
	}
	names := []string{"line"}
	if c.Columns && c.Reduce == "" && !c.MapOnly {
		names = []string{"key", "value"}
	}
	var fields []arrow.Field
	for _, name := range names {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.Binary})
	}
	p.schema = arrow.NewSchema(fields, nil)
	p.about.HasReduce = !c.MapOnly
	p.about.OutputSchema, err = codec.MarshalSchema(p.schema)
	return p, err
}

// stage is the job whose records are what the map command wrote, a unit each.
func (c Config) stage() jobs.Stage {
	f := c.framing()
	if c.MapOnly {
		return jobs.Each(c.name(), func(_ context.Context, unit []byte, emit func([]byte)) error {
			emit(unit)
			return nil
		})
	}
	if c.Fold == "" {
		j := jobs.Job[[]byte, []byte, []byte, jobs.Pair[[]byte, []byte]]{
			Name: c.name(),
			Map: func(_ context.Context, rec []byte, emit func(key, val []byte)) error {
				emit(f.split(rec))
				return nil
			},
		}
		if c.SortValues {
			j.Partition = c.partition
		}
		return j
	}
	j := jobs.Job[[]byte, []byte, int64, jobs.Pair[[]byte, int64]]{Name: c.name(), Map: numbers(f)}
	switch c.Fold {
	case Count:
		j.Combine = jobs.Sum[int64]()
		j.Map = func(_ context.Context, rec []byte, emit func([]byte, int64)) error {
			emit(rec, 1)
			return nil
		}
	case Sum:
		j.Combine = jobs.Sum[int64]()
	case Min:
		j.Combine = jobs.Min[int64]()
	case Max:
		j.Combine = jobs.Max[int64]()
	}
	return j
}

// numbers makes pairs whose values are numbers.
func numbers(f framing) func(context.Context, []byte, func([]byte, int64)) error {
	return func(_ context.Context, rec []byte, emit func([]byte, int64)) error {
		key, val := f.split(rec)
		if len(val) > 0 && val[0] == '\t' {
			val = val[1:]
		}
		n, err := strconv.ParseInt(textOf(val), 10, 64)
		if err != nil {
			return fmt.Errorf("the value of key %.100q is no whole number: %.100q", key, val)
		}
		emit(key, n)
		return nil
	}
}

func (c Config) framing() framing {
	if c.Framing == Binary {
		return frames{}
	}
	if c.SortValues || c.KeyFields > 1 {
		return keyed{fields: max(c.KeyFields, 1), sorted: c.SortValues}
	}
	return lines{}
}

// rowFraming is how the rows stand that a reduce command writes, or a map command where MapOnly.
func (c Config) rowFraming() framing {
	if c.Framing == Binary {
		return frames{rows: true}
	}
	return lines{}
}

// Describe is what the worker is told of the job.
func (p *program) Describe() *pluginv1.Stage { return p.about }

// attempt is what the commands of one attempt have in common.
type attempt struct {
	*program
	ctx   context.Context
	id    *pluginv1.TaskID
	phase string // "map" or "reduce"
	parts uint32
	dir   string
	user  map[string]int64 // what commands that have ended have counted
}

// begin makes the scratch folder of an attempt; end removes it.
func (p *program) begin(ctx context.Context, id *pluginv1.TaskID, phase string, parts uint32) (*attempt, error) {
	a := &attempt{program: p, ctx: ctx, id: id, phase: phase, parts: parts, user: map[string]int64{}}
	var err error
	if a.dir, err = os.MkdirTemp("", fmt.Sprintf("%s-%d.%d-", phase, id.GetTask(), id.GetAttempt())); err != nil {
		return nil, err
	}
	if err := write(a.dir, p.Files); err != nil {
		a.end()
		return nil, err
	}
	return a, nil
}

func (a *attempt) end() { _ = os.RemoveAll(a.dir) } // it lies in the plugin's folder, which goes with it

// path is where commands are looked for: the worker's environment, which may hold its credentials, is kept from plugins.
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// start starts a command of the attempt.
func (a *attempt) start(what, line string, f framing, room int) (*command, error) {
	log := a.log
	if log == nil {
		log = os.Stderr
	}
	number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	env := []string{
		"PATH=" + path, "HOME=" + a.dir, "PWD=" + a.dir, "TMPDIR=" + a.dir,
		"MRCTL_JOB=" + a.id.GetJob(), "MRCTL_TASK=" + number(a.id.GetTask()), "MRCTL_ATTEMPT=" + number(a.id.GetAttempt()),
		"MRCTL_PHASE=" + a.phase, "MRCTL_PARTITIONS=" + number(a.parts), "MRCTL_COMMAND=" + what,
	}
	return start(setup{what: what, line: line, ok: a.OKExit, dir: a.dir, env: env, frames: f, log: log,
		mark: fmt.Sprintf("%s/%d.%d: ", a.phase, a.id.GetTask(), a.id.GetAttempt()), room: room})
}

// finish ends a command and takes over what it has counted.
func (a *attempt) finish(c *command) {
	c.stop()
	c.said.addTo(a.user)
}
