package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// InputLists is the URIs of each input, by the inputs' names: the job's own memory.
func (j Job) InputLists() [][]string {
	if len(j.NamedInputs) == 0 {
		return [][]string{j.Inputs}
	}
	var lists [][]string
	for _, name := range slices.Sorted(maps.Keys(j.NamedInputs)) {
		lists = append(lists, j.NamedInputs[name])
	}
	return lists
}

// InputOf is the URIs and the format of an input. "" is the input of a job whose inputs have no names.
func (j Job) InputOf(name string) (uris []string, format string) {
	if name == "" {
		return j.Inputs, j.InputFormat
	}
	return j.NamedInputs[name], j.NamedFormats[name]
}

// MatchInputs holds the inputs that the job was given against the names that its plugin has for them; none: there is one
// input, without a name. The error says what to change, as an errs.Invalid.
func (j Job) MatchInputs(names []string) error {
	known := strings.Join(names, ", ")
	if len(names) == 0 {
		if len(j.NamedInputs) > 0 || len(j.NamedFormats) > 0 {
			return errs.New(errs.Invalid, "its input has no name: name files or URIs alone, without --input or NAME=")
		}
		return nil
	}
	if len(j.Inputs) > 0 {
		return errs.New(errs.Invalid, "its inputs have names (%s): instead of %s write --input NAME=%s", known, j.Inputs[0], j.Inputs[0])
	}
	if j.InputFormat != "" {
		return errs.New(errs.Invalid, "its inputs have names (%s), and a format each: write --input-format NAME=%s", known, j.InputFormat)
	}
	for _, given := range slices.Concat(slices.Sorted(maps.Keys(j.NamedInputs)), slices.Sorted(maps.Keys(j.NamedFormats))) {
		if !slices.Contains(names, given) {
			return errs.New(errs.Invalid, "it has no input %s: its inputs are %s", given, known)
		}
	}
	for _, name := range names {
		if len(j.NamedInputs[name]) == 0 {
			return errs.New(errs.Invalid, "its input %s is missing: add --input %s=URI", name, name)
		}
	}
	return nil
}

// checkInputs says what is wrong with the inputs, whatever the plugin may call them.
func (j Job) checkInputs() error {
	bad := func(field string, err error) error { return errs.E(errs.Invalid, "job spec", field, err) }
	switch {
	case len(j.Inputs) == 0 && len(j.NamedInputs) == 0:
		return bad("inputs", errors.New("there are none"))
	case len(j.Inputs) > 0 && len(j.NamedInputs) > 0:
		return bad("named_inputs", errors.New("there are inputs without a name as well"))
	}
	for _, name := range slices.Sorted(maps.Keys(j.NamedInputs)) {
		if !nameRE.MatchString(name) {
			return bad("named_inputs", fmt.Errorf("the name %q must be 1 to 40 of a-z, 0-9 and -", name))
		}
		if len(j.NamedInputs[name]) == 0 {
			return bad("named_inputs", fmt.Errorf("%s has no URI", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.NamedFormats)) {
		if len(j.NamedInputs[name]) == 0 {
			return bad("named_formats", fmt.Errorf("there is no input %s", name))
		}
	}
	return nil
}
