package torture

import (
	"fmt"
	"path/filepath"
	"time"
)

var shapeCases = []Case{
	{Name: "an output of no rows", Answer: "whole: every part, and _SUCCESS", Run: noRows},
	{Name: "0 reducers", Answer: "--partitions 0 lets the planner choose; a negative number is refused", Run: noReducers},
	{Name: "200 partitions", Answer: "exact; most parts are empty, all are there", Run: func(r *room) { partitions(r, 200) }},
	{Name: "1,000 partitions", Answer: "the same", Bound: 4 * time.Minute, Large: true, Run: func(r *room) { partitions(r, 1000) }},
}

func noRows(r *room) {
	e := r.run("nothing", r.file("in.txt", odd), "--partitions", "3", "--split-size", "5B")
	e.gives()
	e.counted("map.records_in", int64(len(oddRows)+1))
	if parts, err := filepath.Glob(filepath.Join(e.out, "part-*")); err != nil || len(parts) != 3 {
		r.Error(parts, err)
	}
}

func noReducers(r *room) {
	in := r.file("in.txt", odd)
	r.run("lines", in, "--partitions", "0").gives(oddRows...)
	r.run("lines", in, "--partitions", "-1").fails(2, "partitions", "-1")
	r.run("lines", in, "--partitions", "100001").fails(2, "partitions", "100001")
}

func partitions(r *room, n int) {
	text, want := numbered(50)
	e := r.run("lines", r.file("in.txt", text), "--partitions", fmt.Sprint(n), "--split-size", "100B", "--memory", "64MiB")
	e.gives(want...)
	if parts, err := filepath.Glob(filepath.Join(e.out, "part-*")); err != nil || len(parts) != n {
		r.Errorf("%d parts, want %d (%v)", len(parts), n, err)
	}
}
