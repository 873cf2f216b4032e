package meta

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// answer is what a job must give, worked out with one loop over the text and a map.
type answer struct {
	rows     []string // sorted
	counters map[string]int64
}

// escape is the tsv rule for text.
var escape = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// unescape is the way back.
var unescape = strings.NewReplacer(`\\`, "\\", `\t`, "\t", `\n`, "\n", `\r`, "\r")

// reference answers a trial as if nothing ever went wrong.
func (tr Trial) reference(files map[string]string) answer {
	values := map[string][]string{} // the filler of each key's lines
	numbers := map[string][]int64{}
	a := answer{counters: map[string]int64{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for line := range linesOf(files[name]) {
			a.counters["map.records_in"]++
			key, n, rest := fields(line)
			if tr.isBad(n) {
				a.counters["map.bad_records"]++
				continue
			}
			switch tr.Kind {
			case Words:
				for _, w := range strings.Fields(line) {
					numbers[w] = append(numbers[w], 1)
				}
				continue
			case Identity:
				a.rows = append(a.rows, escape.Replace(line))
				continue
			}
			a.counters["user.mapped"]++
			values[key] = append(values[key], rest)
			numbers[key] = append(numbers[key], n)
		}
	}
	for key, ns := range numbers {
		if tr.Kind != Joined {
			a.rows = append(a.rows, tr.rowsOf(key, ns, values[key])...)
		}
	}
	if tr.Kind == Joined {
		tr.join(&a, numbers)
	}
	slices.Sort(a.rows)
	a.counters["reduce.rows_out"] = int64(len(a.rows))
	return a
}

// join answers the second stage of Joined, whose records are the rows of the first and the names.
func (tr Trial) join(a *answer, numbers map[string][]int64) {
	for _, name := range []string{"map.records_in", "map.bad_records"} {
		a.counters["stage1."+name] = a.counters[name]
	}
	names := map[string][]string{}
	lines := tr.Input.names()
	for _, line := range lines {
		key, name, _ := strings.Cut(line, " ")
		names[key] = append(names[key], name)
	}
	for key, ns := range numbers {
		var sum int64
		for _, n := range ns {
			sum += n
		}
		of := names[key]
		if of == nil {
			of = []string{""}
		}
		for _, name := range of {
			a.rows = append(a.rows, fmt.Sprintf("%s\t%d\t%s", escape.Replace(key), sum, name))
		}
	}
	a.counters["map.records_in"], a.counters["map.bad_records"] = int64(len(numbers)+len(lines)), 0
}

// rowsOf are the rows of a key.
func (tr Trial) rowsOf(key string, numbers []int64, fillers []string) (rows []string) {
	var sum, most, bytes int64
	for i, n := range numbers {
		sum, most = sum+n, max(most, n)
		if i < len(fillers) {
			bytes += int64(len(fillers[i]))
		}
	}
	row := func(columns ...any) string {
		return escape.Replace(key) + fmt.Sprintf(strings.Repeat("\t%v", len(columns)), columns...)
	}
	switch tr.Kind {
	case Sums, Words:
		return []string{row(sum)}
	case Most:
		return []string{row(most)}
	case Both:
		return []string{row(len(numbers), sum, bytes)}
	case Groups:
		g := group(key, fillers)
		return []string{row(g.Rows, g.Sum, g.Check)}
	case Folded:
		return []string{row(0, sum, 0)}
	case Leaves:
		return []string{row(1, 0, 0)}
	default:
		for _, f := range fillers {
			rows = append(rows, row(escape.Replace(f)))
		}
		return rows
	}
}
