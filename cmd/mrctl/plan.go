package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/urfave/cli/v2"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/coordinator/plan"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/local"
)

// shownSplits is how many splits plan shows unless it is asked for all.
const shownSplits = 5

func (p *program) planCommand() *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "say what run or submit would do: what is read, by how many tasks, with which columns",
		ArgsUsage: "PLUGIN INPUT... [-- plugin flags]",
		Description: `Takes what run and submit take, refuses what they refuse, and starts, claims and stores nothing. The tasks are
those of run on this machine; a cluster makes as many as its slots ask for, so say how many it has by --slots. Of a job of several
stages the first is planned: what the others read is not there yet.

  mrctl plan ./examples/wordcount 's3://logs/2026/**'
  mrctl plan ./examples/loganalysis access.log.gz --split-size 64MiB --all -- -by status
  mrctl plan -f job.yaml --set day=2026-11-22 --json`,
		Flags: slices.Concat(jobFlags(), commandFlags(), jobFileFlags(), schedulingFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "show every split"},
			&cli.IntFlag{Name: "slots", Usage: "`N` tasks at a time", DefaultText: "the number of cores"},
			&cli.StringFlag{Name: "memory", Usage: "of a worker, in `BYTES`, such as 1GiB or 25%", DefaultText: defaultMemory + " of this machine's"},
		}),
		Action: p.plan,
	}
}

func (p *program) plan(c *cli.Context) error {
	what, err := p.subject(c)
	if err != nil {
		return err
	}
	if what.inputs, err = p.listedInputs(c, what.inputs); err != nil {
		return err
	}
	if slices.Contains(what.inputs, stdin) {
		return next(errs.New(errs.Invalid, "plan: standard input can be read only once"), "put it into a file")
	}
	p.plugin = what.args
	memory, slots, err := capacity(c)
	if err != nil {
		return err
	}
	o := &order{}
	if o.job, err = jobOf(c, what); err != nil {
		return err
	}
	return p.withTempDir(func(dir string) (err error) {
		cl := &cluster{uri: dir}
		if c.String(flagStore) != "" {
			if cl, err = openCluster(c); err != nil {
				return err
			}
			defer cl.close()
		} else {
			if cl.resolver, err = resolverOf(c, serverPatience); err != nil {
				return err
			}
			if cl.store, err = local.New(dir, local.Options{NoSync: true}); err != nil {
				return err
			}
		}
		if err := p.checkPlaces(c, cl, o, true); err != nil {
			return err
		}
		if o.plugin, err = what.resolve(c.Context, p, dir); err != nil {
			return err
		}
		err = p.describe(c.Context, cl, o)
		if closeErr := o.plugin.close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		about, err := stages.Describe(o.job, 0)
		if err != nil {
			return err
		}
		own, err := stages.Of(o.job, ledger.JobIDFor(o.job), 0)
		if err != nil {
			return err
		}
		d, err := plan.Draw(c.Context, cl.resolver, own, plan.Hints{Slots: slots, Memory: memory, Share: memory / int64(slots), Stage: about})
		if err != nil {
			return err
		}
		v, err := viewOfPlan(d, o, about, c.Bool("all"))
		if err != nil {
			return err
		}
		if c.Bool(flagJSON) {
			return printJSON(p.stdout, v)
		}
		return v.print(p, slots)
	})
}

// planView is a plan as it is shown.
type planView struct {
	Name       string      `json:"name"`
	Stages     int         `json:"stages"`
	Inputs     []inputView `json:"inputs"`
	Objects    int         `json:"objects"`
	Bytes      int64       `json:"bytes"`
	Maps       int         `json:"map_tasks"`
	SplitSize  int64       `json:"split_size"`
	Partitions int         `json:"partitions"`
	Key        []string    `json:"key"`
	Value      []string    `json:"value"`
	Result     []string    `json:"result"`
	Format     string      `json:"output_format"`
	Output     string      `json:"output,omitempty"`
	Sides      []string    `json:"sides,omitempty"`
	Splits     []splitView `json:"splits"`
	Warnings   []string    `json:"warnings,omitempty"`
}

type inputView struct {
	Name    string   `json:"name,omitempty"`
	Format  string   `json:"format"`
	Columns []string `json:"columns,omitempty"` // of rows
}

type splitView struct {
	Task   int      `json:"task"`
	Input  string   `json:"input,omitempty"`
	Bytes  int64    `json:"bytes"`
	Pieces []string `json:"pieces"` // object:from-to, in bytes as stored
}

func viewOfPlan(d *plan.Draft, o *order, about *pluginv1.Stage, all bool) (v *planView, err error) {
	v = &planView{Name: o.job.Name, Stages: stages.Count(o.job), Objects: d.Head.Objects, Bytes: d.Head.Bytes, Maps: d.Head.Maps,
		SplitSize: d.Head.SplitSize, Partitions: d.Head.Partitions, Format: o.job.OutputFormat, Output: o.job.Output, Warnings: d.Head.Warnings}
	for i, format := range d.Formats() {
		about := boundary.InputOf(about, i)
		in := inputView{Name: about.GetName(), Format: cmp.Or(format, "lines")}
		if about.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW {
			if in.Columns, err = columnsOf(about.GetInputSchema()); err != nil {
				return nil, err
			}
		}
		v.Inputs = append(v.Inputs, in)
	}
	last, err := stages.Describe(o.job, v.Stages-1)
	if err != nil {
		return nil, err
	}
	for _, s := range []struct {
		to     *[]string
		schema []byte
	}{{&v.Key, about.GetKeySchema()}, {&v.Value, about.GetValueSchema()}, {&v.Result, last.GetOutputSchema()}} {
		if *s.to, err = columnsOf(s.schema); err != nil {
			return nil, err
		}
	}
	for _, s := range d.Head.Sides {
		v.Sides = append(v.Sides, s.Name+"="+s.File.URI)
	}
	task := 0
	for s, err := range d.Splits() {
		if err != nil {
			return nil, err
		}
		if all || task < shownSplits {
			v.Splits = append(v.Splits, viewOfSplit(task, s, about))
		}
		task++
	}
	return v, nil
}

func viewOfSplit(task int, s dataset.Split, about *pluginv1.Stage) splitView {
	v := splitView{Task: task, Input: boundary.InputOf(about, s.Input).GetName(), Bytes: s.Bytes}
	for _, p := range s.Pieces {
		v.Pieces = append(v.Pieces, fmt.Sprintf("%s:%d-%d", p.URI, p.Off, p.Off+p.Len))
	}
	return v
}

// columnsOf names the columns of a schema with their types.
func columnsOf(schema []byte) ([]string, error) {
	if len(schema) == 0 {
		return []string{}, nil
	}
	s, err := codec.UnmarshalSchema(schema)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, s.NumFields())
	for _, f := range s.Fields() {
		list = append(list, columnText(f))
	}
	return list, nil
}

func columnText(f arrow.Field) string {
	text := f.Name + " " + f.Type.String()
	if f.Nullable {
		text += "?"
	}
	return text
}

func (v *planView) print(p *program, slots int) error {
	t := columns(p.stdout)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("job", "%s", v.Name)
	if v.Stages > 1 {
		line("stages", "%d; what follows is of the first, but for the result", v.Stages)
	}
	line("reads", "%s, %s", count(uint64(v.Objects), "object"), showSize(uint64(v.Bytes)))
	for _, in := range v.Inputs {
		text := in.Format
		if in.Name != "" {
			text = in.Name + ": " + text
		}
		if len(in.Columns) > 0 {
			text += " with " + strings.Join(in.Columns, ", ")
		}
		line("input", "%s", text)
	}
	for _, s := range v.Sides {
		line("side file", "%s", s)
	}
	line("map", "%s of at most %s, %d at a time", count(uint64(v.Maps), "task"), showSize(uint64(v.SplitSize)), slots)
	line("reduce", "%s", count(uint64(v.Partitions), "partition"))
	line("key", "%s", strings.Join(v.Key, ", "))
	line("value", "%s", strings.Join(v.Value, ", "))
	to := v.Output
	if to == "" {
		to = "stdout"
	}
	line("result", "%s; %s to %s", strings.Join(v.Result, ", "), v.Format, to)
	for _, w := range v.Warnings {
		line("warning", "%s", w)
	}
	fmt.Fprintln(t, "\nTASK\tBYTES\tREADS")
	for _, s := range v.Splits {
		reads := "nothing"
		switch n := len(s.Pieces); {
		case n > 1:
			reads = fmt.Sprintf("%s and %s", s.Pieces[0], count(uint64(n-1), "more piece"))
		case n == 1:
			reads = s.Pieces[0]
		}
		fmt.Fprintf(t, "map/%d\t%s\t%s\n", s.Task, showSize(uint64(s.Bytes)), reads)
	}
	if more := v.Maps - len(v.Splits); more > 0 {
		fmt.Fprintf(t, "\t\tand %s (--all shows them)\n", count(uint64(more), "more task"))
	}
	return t.Flush()
}
