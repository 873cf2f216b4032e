package dataset

import (
	"path"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// glob matches paths component by component, so that a walk can leave what cannot match alone. "**" as a component
// stands for any number of them. A folder that matches stands for all below it.
//
// Names that begin with "." or "_" are hidden: nothing finds them but a component that begins with the same character.
//
// The state of a match is the set of components that may come next; len(g) in it means that what was seen matches.
type glob []string

// hasMeta reports whether a URI may be a glob.
func hasMeta(s string) bool { return strings.ContainsAny(s, "*?[") }

// parseGlob checks a pattern and cuts it into components. "" matches everything: it is the glob of a folder.
func parseGlob(pattern string) (glob, error) {
	if pattern == "" {
		return nil, nil
	}
	g := glob(strings.Split(pattern, "/"))
	for i, c := range g {
		g[i] = caret(c)
		if _, err := path.Match(g[i], ""); err != nil {
			return nil, errs.New(errs.Invalid, "bad glob: %q has a [ without its ]", c)
		}
	}
	return g, nil
}

// caret turns the shell's [!a-z] into the [^a-z] of path.Match.
func caret(c string) string {
	if !strings.Contains(c, "[!") {
		return c
	}
	b := []byte(c)
	for i, class := 0, false; i < len(b); i++ {
		switch {
		case b[i] == '\\':
			i++
		case class:
			class = b[i] != ']'
		case b[i] == '[':
			class = true
			if i+1 < len(b) && b[i+1] == '!' {
				b[i+1] = '^'
			}
		}
	}
	return string(b)
}

func (g glob) start() []int { return g.close([]int{0}) }

// step is the state after a component. With named set, only a component of the pattern that is no "**" counts: what
// the user spelled out, not what was found below it.
func (g glob) step(state []int, name string, named bool) []int {
	hidden := isHidden(name)
	var next []int
	for _, i := range state {
		switch {
		case i == len(g) || g[i] == "**":
			if !hidden && !named {
				next = append(next, i)
			}
		case hidden && (g[i] == "" || g[i][0] != name[0]):
		default:
			if ok, _ := path.Match(g[i], name); ok { // parseGlob has seen to the error
				next = append(next, i+1)
			}
		}
	}
	return g.close(next)
}

// close adds what a "**" that stands for nothing leads to, and takes out doubles.
func (g glob) close(state []int) []int {
	for k := 0; k < len(state); k++ {
		if i := state[k]; i < len(g) && g[i] == "**" {
			state = append(state, i+1)
		}
	}
	slices.Sort(state)
	return slices.Compact(state)
}

func (g glob) matched(state []int) bool { return slices.Contains(state, len(g)) }

// match runs a whole path through the glob.
func (g glob) match(p string) bool {
	state := g.start()
	for c := range strings.SplitSeq(p, "/") {
		if state = g.step(state, c, false); len(state) == 0 {
			return false
		}
	}
	return g.matched(state)
}

func isHidden(name string) bool { return name != "" && (name[0] == '.' || name[0] == '_') }
