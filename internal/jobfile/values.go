package jobfile

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// values reads what a field takes, as words of a command line.
func (r *reader) values(f Field, v *yaml.Node) []string {
	if f.Kind == List {
		var list []string
		if v.Kind == yaml.MappingNode {
			r.pairs(v, func(name string, _, v *yaml.Node) {
				for _, s := range r.list(v) {
					list = append(list, name+"="+r.placed(f, s))
				}
			})
			return list
		}
		for _, s := range r.list(v) {
			if name, value, ok := strings.Cut(s, "="); f.Named && ok {
				list = append(list, name+"="+r.placed(f, value))
			} else {
				list = append(list, r.placed(f, s))
			}
		}
		return list
	}
	wrong := len(r.wrong)
	s := r.text(v)
	if len(r.wrong) > wrong {
		return nil
	}
	_, notDuration := time.ParseDuration(s)
	switch {
	case f.Kind == Bool && s != "true" && s != "false":
		r.bad(v, "%s is true or false, not %q", f.Name, s)
	case f.Kind == Int && !isInt(s):
		r.bad(v, "%s is a whole number, not %q", f.Name, s)
	case f.Kind == Duration && notDuration != nil:
		r.bad(v, "%s is a time such as 30s or 5m, not %q", f.Name, s)
	}
	return []string{r.placed(f, s)}
}

func (r *reader) placed(f Field, s string) string {
	if !f.Path {
		return s
	}
	return r.place(s)
}

func isInt(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && len(digits) < 19 && strings.Trim(digits, "0123456789") == ""
}

// list reads a list of texts, or one.
func (r *reader) list(v *yaml.Node) []string {
	if v.Kind != yaml.SequenceNode {
		return []string{r.text(v)}
	}
	var list []string
	for _, e := range v.Content {
		list = append(list, r.text(e))
	}
	return list
}

// text reads a scalar as it is written, its parameters filled in.
func (r *reader) text(v *yaml.Node) string {
	switch {
	case v.Kind == yaml.AliasNode || v.Anchor != "":
		r.bad(v, "anchors and aliases are not for job files; use a parameter")
	case v.Kind != yaml.ScalarNode:
		r.bad(v, "here a text or a number is expected")
	case v.Tag == "!!null":
		r.bad(v, "here is no value")
	default:
		return r.fill(v)
	}
	return ""
}

// fill replaces ${name} by the parameter of that name, and $$ by $.
func (r *reader) fill(v *yaml.Node) string {
	var b strings.Builder
	for rest := v.Value; ; {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			rest = after[1:]
		case strings.HasPrefix(after, "{"):
			name, more, closed := strings.Cut(after[1:], "}")
			value, known := r.params[name]
			if !closed {
				r.bad(v, "%q: a parameter begins and does not end; $$ is a $", v.Value)
				return ""
			}
			if !known {
				r.bad(v, "${%s}: there is no such parameter under params; $${ is ${", name)
			}
			b.WriteString(value)
			rest = more
		default:
			b.WriteByte('$')
			rest = after
		}
	}
}
