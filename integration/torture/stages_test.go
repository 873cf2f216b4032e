package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var stageCases = []Case{
	{Name: "a join beyond its bound", Answer: "the job fails and names the held input and the key; the other way round it is joined", Run: heldJoin},
	{Name: "a join that one side is missing from", Answer: "an output of no rows, whole", Run: lonelyJoin},
	{Name: "a first stage of no rows", Answer: "the next one runs on nothing: an output of no rows, whole", Run: noRowsBetween},
	{Name: "stages cut anywhere", Answer: "the same rows, however small the splits of the input and however many parts are between", Run: cutStages},
	{Name: "a stage that fails", Answer: "the job fails and names the stage and the record; the output is clean", Run: failingStage},
	{Name: "a stage's mapper dies half way", Answer: "the exact answer; the stage before does not run again", Run: dyingStage},
	{Name: "an input of a later stage vanishes", Answer: "the job fails and names it", Run: vanishedInput},
	{Name: "a side file that is not there", Answer: "refused before any work by name; one that is no table fails the job by name", Run: lostSide},
}

// inputs are flags that name inputs.
func inputs(named ...string) (flags []string) {
	for _, n := range named {
		flags = append(flags, "--input", n)
	}
	return flags
}

func heldJoin(r *room) {
	few, many := r.file("few.txt", "heavy one\nlight two\n"), r.file("many.txt", "light 10\n"+strings.Repeat("heavy 1048576\n", 65))
	e := r.run("join", "", inputs("left="+few, "right="+many)...)
	e.fails(1, "right", `"heavy"`, "67108864 bytes", "make it the left input")
	most := r.file("most.txt", "light 10\n"+strings.Repeat("heavy 1048000\n", 64))
	e = r.run("join", "", inputs("left="+few, "right="+most)...)
	e.gives(append(slices.Repeat([]string{"heavy\tone\t1048000"}, 64), "light\ttwo\t10")...)
}

func lonelyJoin(r *room) {
	some, none, other := r.file("some.txt", "a 1\nb 2\n"), r.file("none.txt", ""), r.file("other.txt", "c 3\n")
	for _, sides := range [][2]string{{some, none}, {none, some}, {none, none}, {some, other}} {
		e := r.run("join", "", append(inputs("left="+sides[0], "right="+sides[1]), "--partitions", "2")...)
		e.gives()
		if parts, err := filepath.Glob(filepath.Join(e.out, "part-*")); err != nil || len(parts) != 2 {
			r.Error(parts, err)
		}
	}
}

func noRowsBetween(r *room) {
	names := r.file("names.csv", "name,n\nonce,1\n")
	for name, body := range map[string]string{"nothing.txt": "", "dropped.txt": strings.Repeat("#\n", 50)} {
		e := r.run("stages", "", append(inputs("text="+r.file(name, body), "names="+names), "--partitions", "2", "--split-size", "10")...)
		e.gives()
		if parts, err := filepath.Glob(filepath.Join(e.out, "part-*")); err != nil || len(parts) != 2 {
			r.Error(parts, err)
		}
	}
}

// counted is text in which n different words come up to 3 times each, and what the job "stages" says of it.
func counted(r *room, n int) (flags, rows []string) {
	var text strings.Builder
	text.WriteString("#not this one\n")
	for i := range n {
		text.WriteString(strings.Repeat(fmt.Sprintf("word %d\n", i), 1+i%3))
		rows = append(rows, fmt.Sprintf("%d\tword %d\t%d", 1+i%3, i, []int{len("once"), 0, len("thrice")}[i%3]))
	}
	return inputs("text="+r.file("text.txt", text.String()), "names="+r.file("names.csv", "name,n\nonce,1\nthrice,3\nnever,4\n")), rows
}

func cutStages(r *room) {
	flags, want := counted(r, 60)
	for _, size := range []string{"30", "200", "1MiB"} {
		r.run("stages", "", append(slices.Clone(flags), "--split-size", size, "--partitions", "3")...).gives(want...)
	}
}

func failingStage(r *room) {
	flags, _ := counted(r, 60)
	for stage, says := range map[string]string{"words": "map", "often": "2:map"} {
		e := r.run("stages", "", append(slices.Clone(flags), "--", "-harm", "fail", "-stage", stage, "-at", "20")...)
		e.fails(1, says+" 0", "it fails as it was asked to")
		if _, err := os.Stat(filepath.Join(e.out, "_SUCCESS")); err == nil {
			r.Errorf("stage %s: the output says that it is whole", stage)
		}
	}
}

func dyingStage(r *room) {
	flags, want := counted(r, 60)
	for _, stage := range []string{"words", "often"} {
		e := r.run("stages", "", append(slices.Clone(flags), "--max-attempts", "3", "--slots", "1", "--", "-harm", "die", "-stage", stage, "-at", "20", "-once", r.path(stage))...)
		e.gives(want...)
		e.counted("stage1.map.records_in", 1+60*2)
	}
}

func vanishedInput(r *room) {
	flags, _ := counted(r, 60)
	e := r.run("stages", "", append(flags, "--", "-harm", "remove", "-file", r.path("names.csv"), "-once", r.path("once"))...)
	e.fails(1, "names.csv")
}

// lostSide has no file that vanishes later: a worker brings it before the plugin's first record, see worker/sides_test.go.
func lostSide(r *room) {
	in := r.file("in.txt", "x\ny\nx\n")
	for name, side := range map[string]string{"plain": r.file("side.csv", "name,n\nx,7\ny,8\n"), "packed": r.file("side.csv.gz", gzipped(r, strings.NewReader("n,name\r\n7,x\r\n8,y")))} {
		if r.run("sided", in, "--side", "side="+side).gives("x\t14", "y\t8"); r.Failed() {
			r.Fatal(name)
		}
	}
	r.run("sided", in, "--side", "side="+r.path("none.csv")).fails(2, "side", "none.csv")
	r.run("sided", in, "--side", "side="+r.file("less.csv", "name,m\nx,7\n")).fails(1, "side", "less.csv")
	packed := gzipped(r, strings.NewReader("name,n\nx,7\n"))
	r.run("sided", in, "--side", "side="+r.file("cut.csv.gz", packed[:len(packed)-3])).fails(1, "side", "cut.csv.gz")
}
