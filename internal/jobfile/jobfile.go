// Package jobfile reads job files: YAML that says what a command line of run or submit says, to be kept beside the job and
// in version control. A key is the long name of a flag; plugin, inputs, args and params come on top:
//
//	params: {day: 2026-11-22, top: null}   # a default each; null: has to be given
//	plugin: ./hits
//	args: {by: status}                     # of the plugin: flags, or a list of words
//	inputs: ["logs/${day}/*.gz"]
//	output: reports/${day}
//	partitions: 8
//
// It is strict: every key that is not known, value of the wrong type, key that comes twice and parameter that nobody
// declared is an error with line and column, and all of them are told at once.
package jobfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/mrctl/mrctl/internal/errs"
)

// MaxSize is how large a job file may be, in bytes.
const MaxSize = 1 << 20

// Kind is what a field takes.
type Kind uint8

const (
	Text     Kind = iota
	Bool          // true or false
	Int           // a whole number
	Duration      // 30s, 5m
	Size          // a number of bytes: 1048576, 64MiB
	List          // a list of texts, or one; a mapping is the list of its name=value
)

// Field is a key that a job file may have: a flag.
type Field struct {
	Name  string
	Kind  Kind
	Usage string
	// Path says that values name files, folders or URIs: relative ones are beside the job file.
	Path bool
	// Named says that values are NAME=VALUE, and Path speaks of what follows the name.
	Named bool
}

// Setting is a key of the file with its values, one but for lists.
type Setting struct {
	Field  Field
	Values []string
	At     string // file:line:column
}

// File is a job file, its parameters filled in.
type File struct {
	Plugin   string // "": none
	Inputs   []string
	Named    []string // inputs by name, name=URI each
	Args     []string // of the plugin
	Settings []Setting
}

// Parse reads the text of a job file. name stands before the line in errors, given are parameters that replace the
// defaults, place makes a relative path mean one beside the file. The error, an errs.Invalid, has a line for each mistake.
func Parse(name string, text []byte, fields []Field, given map[string]string, place func(path string) string) (File, error) {
	if len(text) > MaxSize {
		return File{}, errs.New(errs.Invalid, "%s: %d bytes are too many for a job file", name, len(text))
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc, yaml.WithUniqueKeys(false)); err != nil { // ours tells of all, with columns
		return File{}, errs.New(errs.Invalid, "%s: %w", name, err)
	}
	r := &reader{name: name, fields: fields, given: given, place: place, params: map[string]string{}}
	top := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		top = doc.Content[0]
	}
	if top.Kind != yaml.MappingNode {
		return File{}, errs.New(errs.Invalid, "%s: it is no mapping of keys to values, such as plugin: ./wordcount", name)
	}
	r.readParams(top)
	f := r.file(top)
	if len(r.wrong) > 0 {
		return File{}, errs.New(errs.Invalid, "%w", errors.Join(r.wrong...))
	}
	return f, nil
}

// reader gathers what a file says, and all that is wrong with it.
type reader struct {
	name   string
	fields []Field
	given  map[string]string
	params map[string]string
	place  func(string) string
	wrong  []error
}

func (r *reader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", r.name, n.Line, n.Column) }

func (r *reader) bad(n *yaml.Node, format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Errorf("%s: %s", r.at(n), fmt.Sprintf(format, args...)))
}

// pairs gives the keys and values of a mapping, each key once.
func (r *reader) pairs(m *yaml.Node, each func(key string, k, v *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		switch line, twice := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge":
			r.bad(k, "a key is a word")
			continue
		case twice:
			r.bad(k, "%s is given twice: first in line %d", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		each(k.Value, k, v)
	}
}

// readParams takes the parameters first: they may be used above.
func (r *reader) readParams(top *yaml.Node) {
	for i := 0; i+1 < len(top.Content); i += 2 {
		v := top.Content[i+1]
		if top.Content[i].Value != "params" {
			continue
		}
		if v.Kind != yaml.MappingNode {
			r.bad(v, "params is a mapping of names to defaults: {day: 2026-11-22, top: null}")
			return
		}
		r.pairs(v, func(name string, k, d *yaml.Node) {
			value, ok := r.given[name]
			switch {
			case !isName(name):
				r.bad(k, "parameter %q: a name has letters, digits, _ and - only", name)
			case d.Kind != yaml.ScalarNode || d.Anchor != "":
				r.bad(d, "the default of parameter %s is no text or number", name)
			case ok:
				r.params[name] = value
			case d.Tag == "!!null":
				r.bad(k, "parameter %s has no default: give it with --set %s=VALUE", name, name)
				r.params[name] = ""
			default:
				r.params[name] = d.Value
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(r.given)) {
		if _, ok := r.params[name]; !ok {
			r.wrong = append(r.wrong, fmt.Errorf("%s: --set %s: the file has no parameter of that name under params", r.name, name))
		}
	}
}

// file reads all but the parameters.
func (r *reader) file(top *yaml.Node) (f File) {
	r.pairs(top, func(key string, k, v *yaml.Node) {
		switch key {
		case "params":
		case "plugin":
			f.Plugin = r.place(r.text(v))
		case "inputs":
			f.Inputs, f.Named = r.inputs(v)
		case "args":
			f.Args = r.args(v)
		default:
			i := slices.IndexFunc(r.fields, func(f Field) bool { return f.Name == key })
			if i < 0 {
				r.bad(k, "%q is no key of a job file%s", key, r.like(key))
				return
			}
			f.Settings = append(f.Settings, Setting{r.fields[i], r.values(r.fields[i], v), r.at(v)})
		}
	})
	return f
}

// inputs are a list, or lists by name.
func (r *reader) inputs(v *yaml.Node) (list, named []string) {
	if v.Kind != yaml.MappingNode {
		for _, uri := range r.list(v) {
			list = append(list, r.place(uri))
		}
		return list, nil
	}
	r.pairs(v, func(name string, _, v *yaml.Node) {
		for _, uri := range r.list(v) {
			named = append(named, name+"="+r.place(uri))
		}
	})
	return nil, named
}

// args are the plugin's words, or its flags with their values.
func (r *reader) args(v *yaml.Node) (args []string) {
	if v.Kind != yaml.MappingNode {
		return r.list(v)
	}
	r.pairs(v, func(name string, _, v *yaml.Node) {
		for _, value := range r.list(v) {
			args = append(args, "-"+name+"="+value)
		}
	})
	return args
}

// like suggests the key that was meant.
func (r *reader) like(key string) string {
	plain := strings.NewReplacer("_", "-").Replace(strings.ToLower(key))
	for _, name := range r.names() {
		if name == plain || name+"s" == plain || name == plain+"s" {
			return ": did you mean " + name + "?"
		}
	}
	return "; mrctl schema lists them"
}

func (r *reader) names() []string {
	names := []string{"plugin", "inputs", "args", "params"}
	for _, f := range r.fields {
		names = append(names, f.Name)
	}
	return names
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}
