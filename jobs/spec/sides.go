package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// CheckSides holds Sides against the names of the side files that the plugin has: each must be given, and no others. The
// error is an errs.Invalid that says what to do.
func (j Job) CheckSides(wanted []string) error {
	for _, name := range wanted {
		if j.Sides[name] == "" {
			return errs.New(errs.Invalid, "the job needs the side file %s: say where it is with --side %s=PATH or URI", name, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.Sides)) {
		switch {
		case slices.Contains(wanted, name):
		case len(wanted) == 0:
			return errs.New(errs.Invalid, "--side %s: the plugin has no side files; it names them in Job.Sides", name)
		default:
			return errs.New(errs.Invalid, "--side %s: the plugin has no side file of that name, only %s", name, strings.Join(wanted, ", "))
		}
	}
	return nil
}

// ParseSides reads arguments of the form name=URI.
func ParseSides(args []string) (map[string]string, error) {
	var sides map[string]string
	for _, arg := range args {
		name, uri, ok := strings.Cut(arg, "=")
		switch {
		case !ok || uri == "":
			return nil, errs.New(errs.Invalid, "--side %s: it is NAME=PATH or NAME=URI", arg)
		case !nameRE.MatchString(name):
			return nil, errs.New(errs.Invalid, "--side %s: a name is 1 to 40 of a-z, 0-9 and -", arg)
		case sides[name] != "":
			return nil, errs.New(errs.Invalid, "--side %s: it is named twice", name)
		case sides == nil:
			sides = map[string]string{}
		}
		sides[name] = uri
	}
	return sides, nil
}

// checkSides says what is wrong with Sides as they are.
func (j Job) checkSides() error {
	for name, uri := range j.Sides {
		if !nameRE.MatchString(name) || uri == "" {
			return fmt.Errorf("%q is not a name of 1 to 40 of a-z, 0-9 and -, or has no URI", name)
		}
	}
	return nil
}
