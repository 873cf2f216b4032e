package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
)

// The words of a line are separated by spaces; _ is an empty word.
func words(line string) []string {
	list := strings.Fields(line)
	for i, w := range list {
		if w == "_" {
			list[i] = ""
		}
	}
	return list
}

func TestArrange(t *testing.T) {
	for _, c := range []struct{ name, line, want, plugin string }{
		{"nothing", "mrctl", "mrctl", ""},
		{"verb alone", "mrctl jobs", "mrctl jobs", ""},
		{"flags first", "mrctl run -o out ./wc in", "mrctl run --o=out -- ./wc in", ""},
		{"flags last", "mrctl run ./wc in -o out", "mrctl run --o=out -- ./wc in", ""},
		{"flags between", "mrctl run ./wc -o out in --partitions 8", "mrctl run --o=out --partitions=8 -- ./wc in", ""},
		{"stdout", "mrctl run ./wc -o - README.md", "mrctl run --o=- -- ./wc README.md", ""},
		{"stdin", "mrctl run ./wc -", "mrctl run -- ./wc -", ""},
		{"assigned", "mrctl run ./wc in --partitions=8 -o=out", "mrctl run --partitions=8 --o=out -- ./wc in", ""},
		{"assigned empty", "mrctl run ./wc in -o=", "mrctl run --o= -- ./wc in", ""},
		{"empty value", "mrctl run ./wc in --request-id _", "mrctl run --request-id= -- ./wc in", ""},
		{"value with equals", "mrctl serve worker --label zone=a", "mrctl serve worker --label=zone=a", ""},
		{"one dash", "mrctl run ./wc in -partitions 8", "mrctl run --partitions=8 -- ./wc in", ""},
		{"bool takes no value", "mrctl submit --detach ./wc in", "mrctl submit --detach -- ./wc in", ""},
		{"bool assigned", "mrctl submit --detach=false ./wc in", "mrctl submit --detach=false -- ./wc in", ""},
		{"alias", "mrctl submit -d ./wc in --output s3://b/o", "mrctl submit --d --output=s3://b/o -- ./wc in", ""},
		{"negative value", "mrctl run ./wc in --max-bad-records -1", "mrctl run --max-bad-records=-1 -- ./wc in", ""},
		{"negative positional", "mrctl status -1", "mrctl status -- -1", ""},
		{"value like a flag", "mrctl cancel j --reason --json", "mrctl cancel --reason=--json -- j", ""},
		{"global flag after the verb", "mrctl jobs --store s3://b/p --json", "mrctl --store=s3://b/p --json jobs", ""},
		{"global flag first", "mrctl --store s3://b/p jobs --limit 3", "mrctl --store=s3://b/p jobs --limit=3", ""},
		{"global flag between", "mrctl run ./wc --quiet in", "mrctl --quiet run -- ./wc in", ""},
		{"verb as a value", "mrctl --store run run ./wc in", "mrctl --store=run run -- ./wc in", ""},
		{"verb as a positional", "mrctl run run jobs", "mrctl run -- run jobs", ""},
		{"flag of the verb before it", "mrctl --slots 2 run ./wc in", "mrctl run --slots=2 -- ./wc in", ""},
		{"subcommand", "mrctl serve --listen 127.0.0.1:0 all --slots 2", "mrctl serve all --listen=127.0.0.1:0 --slots=2", ""},
		{"repeated", "mrctl serve worker --label a=1 --label b=2", "mrctl serve worker --label=a=1 --label=b=2", ""},
		{"help", "mrctl run ./wc --help", "mrctl run --help -- ./wc", ""},
		{"help of all", "mrctl -h", "mrctl --h", ""},
		{"help verb", "mrctl help run", "mrctl help run", ""},
		{"spaces kept", "mrctl run ./wc in -o=a=b", "mrctl run --o=a=b -- ./wc in", ""},
		{"plugin flags", "mrctl run ./la -o - log -- -by status", "mrctl run --o=- -- ./la log", "-by status"},
		{"plugin flags untouched", "mrctl run ./wc in -- --json -o x -- -1 --help", "mrctl run -- ./wc in", "--json -o x -- -1 --help"},
		{"empty plugin flag", "mrctl run ./wc in -- _", "mrctl run -- ./wc in", "_"},
		{"cut and nothing after", "mrctl run ./wc in --", "mrctl run -- ./wc in", ""},
		{"our flags before the cut", "mrctl run ./wc in --slots 2 -- -lower", "mrctl run --slots=2 -- ./wc in", "-lower"},
		{"completion", "mrctl run --pa --generate-bash-completion", "mrctl run --pa --generate-bash-completion", ""},
	} {
		got, plugin, err := arrange((&program{}).app(), words(c.line))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if want := words(c.want); !slices.Equal(got, want) {
			t.Errorf("%s: %q\n got %q\nwant %q", c.name, c.line, got, want)
		}
		if want := words(c.plugin); !slices.Equal(plugin, want) {
			t.Errorf("%s: the plugin gets %q, want %q", c.name, plugin, want)
		}
	}
}

func TestArrangeRefuses(t *testing.T) {
	for _, c := range []struct{ line, text, hint string }{
		{"mrctl rnu ./wc in", `command "rnu"`, "did you mean run?"},
		{"mrctl run ./wc in --partition 8", "flag --partition:", "did you mean --partitions?"},
		{"mrctl run ./wc in -by status", "flag --by:", "go after --"},
		{"mrctl --slots 2 jobs", "flag --slots:", ""},
		{"mrctl --sluts 2 run ./wc in", "flag --sluts:", ""},
		{"mrctl run ./wc in -o", "flag -o: it needs a value", ""},
		{"mrctl run ./wc in -o -- -by", "flag -o: it needs a value", ""},
		{"mrctl serve leader", `serve "leader"`, "one of coordinator, worker, all"},
		{"mrctl serve coordinator --slots 2", "flag --slots:", ""},
		{"mrctl serve all --rolle x", "flag --rolle:", "mrctl serve all --help lists"},
	} {
		_, _, err := arrange((&program{}).app(), words(c.line))
		if err == nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(hintOf(err), c.hint) {
			t.Errorf("%s: %v, next %q; want %q, next %q", c.line, err, hintOf(err), c.text, c.hint)
		}
		if exitCode(err) != exitUsage || !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: exits with %d", c.line, exitCode(err))
		}
	}
}

// What arrange puts in order, urfave/cli reads back: positionals, flags of all levels, and words that look like flags.
func TestArrangedLinesParse(t *testing.T) {
	p := &program{stdout: &strings.Builder{}, stderr: &strings.Builder{}}
	app := p.app()
	var args []string
	var out, store string
	var bad int64
	app.Commands[0].Action = func(c *cli.Context) error {
		args, out, store, bad = c.Args().Slice(), c.String("o"), c.String("store"), c.Int64("max-bad-records")
		return nil
	}
	ordered, _, err := arrange(app, words("mrctl run ./wc -1 - --max-bad-records -1 a=b --store s3://b/p -o - help"))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(ordered); err != nil {
		t.Fatal(err)
	}
	if want := words("./wc -1 - a=b help"); !slices.Equal(args, want) || out != "-" || store != "s3://b/p" || bad != -1 {
		t.Errorf("args %q, -o %q, --store %q, --max-bad-records %d", args, out, store, bad)
	}
}

// arrange tells flags by their names alone while the command is not known yet, so a name has one meaning everywhere.
func TestFlagsHaveOneMeaning(t *testing.T) {
	app := (&program{}).app()
	isBool := map[string]bool{}
	look := func(where string, flags []cli.Flag) {
		for _, f := range flags {
			_, b := f.(*cli.BoolFlag)
			for _, n := range f.Names() {
				if old, ok := isBool[n]; ok && old != b {
					t.Errorf("%s: flag %s takes a value in one place and none in another", where, n)
				}
				isBool[n] = b
			}
		}
	}
	look("mrctl", app.Flags)
	for _, c := range app.Commands {
		look(c.Name, c.Flags)
		for _, s := range c.Subcommands {
			look(c.Name+" "+s.Name, s.Flags)
		}
	}
}

// Each verb says what it is for and shows how it is called.
func TestVerbsAreExplained(t *testing.T) {
	for _, c := range (&program{}).app().Commands {
		all := c.Description
		for _, s := range c.Subcommands {
			all += s.Description
		}
		if c.Usage == "" || !strings.Contains(all, "  mrctl "+c.Name) && !strings.Contains(all, "(mrctl "+c.Name) {
			t.Errorf("%s: its help has no purpose or no example", c.Name)
		}
	}
}
