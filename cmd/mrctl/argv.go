package main

import (
	"fmt"
	"maps"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
)

// arrange puts a command line in the order that urfave/cli reads: it parses no flag that stands after a positional, and
// none of the program's own flags after the verb, while people write them anywhere.
//
// The line is cut at the first "--"; what follows belongs to the plugin and is given back untouched. In what stands
// before, each flag goes to the command that declares it, as one word ("--name=value"), and the positionals go last,
// behind a "--" of their own. args[0] is the program's name.
func arrange(app *cli.App, args []string) (ordered, plugin []string, err error) {
	if len(args) == 0 {
		return nil, nil, nil
	}
	if args[len(args)-1] == completionFlag {
		return args, nil, nil // urfave answers it, and looks for it at the end of the line
	}
	words := args[1:]
	for i, w := range words {
		if w == "--" {
			words, plugin = words[:i], words[i+1:]
			break
		}
	}
	levels := []*level{{commands: app.Commands, flags: flagsOf(app.Flags)}}
	var positionals []string
	var set []setFlag
	for len(words) > 0 {
		here := levels[len(levels)-1]
		word := words[0]
		words = words[1:]
		name, value, assigned := flagOf(word)
		f := find(levels, name)
		if f == nil {
			f = findBelow(here.commands, name)
		}
		switch {
		case name == "" || f == nil && isNumber(word):
			if len(here.commands) == 0 {
				positionals = append(positionals, word)
				continue
			}
			if word == "help" {
				return args, nil, nil
			}
			c := commandNamed(here.commands, word)
			if c == nil {
				for _, s := range set { // its value may have been taken for a command
					if find(levels, s.name) == nil && findBelow(here.commands, s.name) == nil {
						return nil, nil, unknownFlag(levels, s.name)
					}
				}
				return nil, nil, unknownCommand(here, word)
			}
			levels = append(levels, &level{name: c.Name, commands: c.Subcommands, flags: flagsOf(c.Flags)})
		case f == nil || f.isBool && !assigned:
			set = append(set, setFlag{name, "--" + name})
		case assigned:
			set = append(set, setFlag{name, "--" + name + "=" + value})
		case len(words) == 0:
			return nil, nil, errs.New(errs.Invalid, "flag %s: it needs a value", word)
		default:
			set = append(set, setFlag{name, "--" + name + "=" + words[0]})
			words = words[1:]
		}
	}
	for _, s := range set {
		f := find(levels, s.name)
		if f == nil {
			return nil, nil, unknownFlag(levels, s.name)
		}
		f.at.set = append(f.at.set, s.word)
	}
	ordered = append(ordered, args[0])
	for i, l := range levels {
		if i > 0 {
			ordered = append(ordered, l.name)
		}
		ordered = append(ordered, l.set...)
	}
	if len(positionals) > 0 {
		ordered = append(append(ordered, "--"), positionals...)
	}
	return ordered, plugin, nil
}

// setFlag is a flag of the line and the word that hands it on.
type setFlag struct{ name, word string }

// level is the program, or a command on the way to the one that is called.
type level struct {
	name     string
	commands []*cli.Command // below it
	flags    map[string]*declared
	set      []string // the flags of this level, as they are handed on
}

type declared struct {
	at     *level
	isBool bool
}

// flagsOf says what flags there are, -h among them, and which take no value.
func flagsOf(flags []cli.Flag) map[string]*declared {
	m := map[string]*declared{"h": {isBool: true}, "help": {isBool: true}}
	for _, f := range flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			m[n] = &declared{isBool: isBool}
		}
	}
	return m
}

// find looks for the innermost level that declares a flag.
func find(levels []*level, name string) *declared {
	for i := len(levels) - 1; i >= 0; i-- {
		if f := levels[i].flags[name]; f != nil {
			f.at = levels[i]
			return f
		}
	}
	return nil
}

// findBelow looks for a flag of a command that may still be named.
func findBelow(commands []*cli.Command, name string) *declared {
	for _, c := range commands {
		if f := flagsOf(c.Flags)[name]; f != nil {
			return f
		}
		if f := findBelow(c.Subcommands, name); f != nil {
			return f
		}
	}
	return nil
}

// flagOf takes a word apart that looks like a flag. The name of one that does not ("-" is a positional) is "".
func flagOf(word string) (name, value string, assigned bool) {
	if len(word) < 2 || word[0] != '-' {
		return "", "", false
	}
	return strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
}

func isNumber(word string) bool {
	return len(word) > 1 && word[0] == '-' && (word[1] >= '0' && word[1] <= '9' || word[1] == '.')
}

func commandNamed(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func unknownCommand(at *level, word string) error {
	var names []string
	for _, c := range at.commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	what := "command"
	if at.name != "" {
		what = at.name
	}
	return next(errs.New(errs.Invalid, "%s %q: there is none of that name", what, word),
		"%s", nearest(word, names, "one of "+strings.Join(names, ", ")))
}

func unknownFlag(levels []*level, name string) error {
	known := map[string]*declared{}
	for _, l := range levels {
		maps.Copy(known, l.flags)
	}
	var names []string
	for n := range known {
		if len(n) > 1 {
			names = append(names, "--"+n)
		}
	}
	var verb string
	for _, l := range levels[1:] {
		verb += " " + l.name
	}
	hint := fmt.Sprintf("mrctl%s --help lists its flags; flags of the plugin go after --", verb)
	if verb == "" {
		hint = "flags of a verb stand after it; mrctl --help lists the others"
	}
	return next(errs.New(errs.Invalid, "flag --%s: there is none of that name", name), "%s", nearest("--"+name, names, hint))
}

// nearest suggests the name within two edits of word, or else gives the other advice.
func nearest(word string, names []string, otherwise string) string {
	best, at := 3, ""
	for _, n := range names {
		if d := distance(word, n); d < best || d == best && n < at {
			best, at = d, n
		}
	}
	if at == "" {
		return otherwise
	}
	return "did you mean " + at + "?"
}

// distance is the number of single-byte edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
