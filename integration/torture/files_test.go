package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

var fileCases = []Case{
	{Name: "no bytes", Answer: "an output of no rows, whole: every part is there, and _SUCCESS", Run: noBytes},
	{Name: "names of every kind", Answer: "read like any other; one that is not UTF-8 is refused by name", Run: names},
	{Name: "not a file", Answer: "what is no file is no input, and nothing waits for it", Run: notAFile},
	{Name: "1,000 tiny files", Answer: "exact counts", Run: func(r *room) { tiny(r, 1000) }},
	{Name: "1,000,000 tiny files", Answer: "exact counts, in bounded time and memory", Bound: 10 * time.Minute, Disk: 1 << 30, Large: true,
		Run: func(r *room) { tiny(r, 1_000_000) }},
}

func noBytes(r *room) {
	r.file("in/a", "")
	r.file("in/b", "")
	e := r.run("lines", r.path("in"), "--partitions", "3")
	e.gives()
	for i := range 3 {
		if st, err := os.Stat(filepath.Join(e.out, fmt.Sprintf("part-%05d.tsv", i))); err != nil || st.Size() != 0 {
			r.Errorf("part %d: %v, %v", i, st, err)
		}
	}
	r.run("sizes", r.path("in"), "--input-format", "files").gives(strings.TrimSuffix(sizeRow(""), "1") + "2")
	r.run("sizes", r.path("in"), "--input-format", "records:7").gives()
	r.run("lines", r.path("in"), "--split-size", "1B").gives()
}

func names(r *room) {
	for i, name := range []string{"plain", "with space", "new\nline", "tab\t", "*", "[a-z]", "?", "ünï", "a%20b", "-", "'\"$(x)", strings.Repeat("n", 255)} {
		r.file("in/"+name, fmt.Sprintf("%d\n", i))
	}
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprintf("%d\t1", i))
	}
	r.run("lines", r.path("in")).gives(want...)
	r.file("in/\xff\xfe", "x\n") // no object store has such keys
	r.run("lines", r.path("in")).fails(2, `\xff\xfe`, "rename it")
}

func notAFile(r *room) {
	r.file("in/real", "x\n")
	if err := mkfifo(r.path("in/pipe")); err != nil {
		r.Fatal(err)
	}
	for link, to := range map[string]string{"in/dangling": "nowhere", "in/loop": "loop", "in/up": ".."} {
		if err := os.Symlink(to, r.path(link)); err != nil {
			r.Fatal(err)
		}
	}
	r.run("lines", r.path("in")).gives("x\t1")
	r.run("lines", r.path("in/pipe")).fails(2, "pipe")
	r.run("lines", "/dev/zero").fails(2, "/dev/zero", "neither a file nor a folder")
	if runtime.GOOS == "linux" { // files of which the system says that they have 0 bytes
		r.run("lines", "/proc/self/status").fails(2, "/proc/self/status", "not empty")
	}
}

// tiny makes so many files of which a thousand at a time say the same. They are links: what is counted is what it takes
// to list, plan and open them, and the disk has other uses.
func tiny(r *room, files int) {
	const kinds = 1000
	var want []string
	for i := range kinds {
		r.file(fmt.Sprintf("in/%03d/0", i), fmt.Sprintf("file %d\n", i))
		want = append(want, fmt.Sprintf("file %d\t%d", i, files/kinds))
	}
	for i := range kinds {
		for n := range files/kinds - 1 {
			if err := os.Link(r.path(fmt.Sprintf("in/%03d/0", i)), r.path(fmt.Sprintf("in/%03d/%d", (i+n+1)%kinds, 1+n*kinds+i))); err != nil {
				r.Fatal(err)
			}
		}
	}
	began := time.Now()
	e := r.run("lines", r.path("in"), "--memory", "256MiB")
	r.Logf("%d files in %.1f s", files, time.Since(began).Seconds())
	e.gives(want...)
	e.counted("map.records_in", int64(files))
	r.within(256<<20 + 300*int64(files)) // the plan is made in memory
}
