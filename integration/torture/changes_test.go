package torture

import (
	"fmt"
	"strings"
)

var changeCases = []Case{
	{Name: "an input changes while it is read", Answer: "the answer of the file as it was, or a failure that names it; nothing between", Run: changing},
	{Name: "an input changes before its turn", Answer: "a failure that names it", Run: changedLater},
}

// harms are what may befall a file.
var harms = []string{"append", "truncate", "rewrite", "replace", "remove"}

// changing has the plugin itself harm the file it is given the lines of, which are too many to be read at once.
func changing(r *room) {
	const lines = 100_000
	body := strings.Repeat("the same line of some length, many times over\n", lines)
	for _, harm := range harms {
		in := r.file(harm+".txt", body)
		e := r.run("lines", in, "--slots", "1", "--memory", "16MiB", "--", "-harm", harm, "-file", in, "-once", r.path(harm+".once"))
		if e.Code == 0 {
			e.gives(fmt.Sprintf("the same line of some length, many times over\t%d", lines))
		} else {
			e.fails(1, harm+".txt", "changed while the job ran")
		}
		r.Logf("%s: exit %d", harm, e.Code)
	}
}

// changedLater harms the second file when the first is read, with one slot and a split for each.
func changedLater(r *room) {
	for _, harm := range harms {
		r.file(harm+"/1.txt", "first\n")
		second := r.file(harm+"/2.txt", strings.Repeat("second\n", 20))
		e := r.run("lines", r.path(harm), "--slots", "1", "--split-size", "10B", "--", "-harm", harm, "-file", second, "-once", r.path(harm+".once"))
		e.fails(1, harm+"/2.txt", "changed while the job ran")
		if r.Failed() {
			r.Fatalf("after %s", harm)
		}
	}
}
