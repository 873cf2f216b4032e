package sched

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// command is a line of a script: a name, arguments and name=value options.
type command struct {
	t    *testing.T
	line string
	name string
	args []string
	opt  map[string]string
}

func parse(t *testing.T, line string) command {
	f := strings.Fields(line)
	c := command{t: t, line: line, name: f[0], opt: map[string]string{}}
	for _, x := range f[1:] {
		if name, value, ok := strings.Cut(x, "="); ok {
			c.opt[name] = value
		} else {
			c.args = append(c.args, x)
		}
	}
	return c
}

func (c command) must(err error) {
	if err != nil {
		c.t.Fatalf("%q: %v", c.line, err)
	}
}

func (c command) arg(i int) string {
	if i >= len(c.args) {
		c.t.Fatalf("%q: argument %d is missing", c.line, i+1)
	}
	return c.args[i]
}

func (c command) rest(i int) string { return strings.Join(c.args[min(i, len(c.args)):], " ") }

func (c command) num(name string, def int) int {
	if c.opt[name] == "" {
		return def
	}
	n, err := strconv.Atoi(c.opt[name])
	c.must(err)
	return n
}

func (c command) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	c.must(err)
	return d
}

func (c command) list(name string) []string {
	if c.opt[name] == "" {
		return nil
	}
	return strings.Split(c.opt[name], ",")
}

func (c command) kind(s string) errs.Kind {
	for k := errs.Other; k <= errs.Canceled; k++ {
		if k.String() == s {
			return k
		}
	}
	c.t.Fatalf("%q: no such kind", c.line)
	return 0
}

// attempt parses J/m3#1@2; attempt and generation may be left out.
func (c command) attempt(s string) (id AttemptID) {
	job, rest, ok := strings.Cut(s, "/")
	if !ok || rest == "" {
		c.t.Fatalf("%q: %q is not job/attempt", c.line, s)
	}
	id.Job = JobID(job)
	if rest[0] == 'r' {
		id.Phase = Reduce
	}
	number := func(s string) int32 {
		if s == "" {
			return 0
		}
		n, err := strconv.Atoi(s)
		c.must(err)
		return int32(n)
	}
	rest, gen, _ := strings.Cut(rest[1:], "@")
	index, attempt, _ := strings.Cut(rest, "#")
	id.Index, id.Attempt, id.Gen = number(index), number(attempt), number(gen)
	return id
}

func (c command) attempts(s string) (ids []AttemptID) {
	if s == "" {
		return nil
	}
	for _, x := range strings.Split(s, ",") {
		ids = append(ids, c.attempt(x))
	}
	return ids
}

func (c command) digest(s string) (d Digest) {
	if s != "" {
		n, err := strconv.ParseUint(s, 16, 8)
		c.must(err)
		d[0] = byte(n)
	}
	return d
}

func (c command) held(s string) (held []MapOutput) {
	if s == "" {
		return nil
	}
	for _, x := range strings.Split(s, ",") {
		id, digest, _ := strings.Cut(x, ":")
		held = append(held, MapOutput{ID: c.attempt(id), Digest: c.digest(digest)})
	}
	return held
}

// consumed parses 0.aa/1.bb.
func (c command) consumed(s string) (list Consumed) {
	if s == "" {
		return list
	}
	for _, x := range strings.Split(s, "/") {
		a, d, _ := strings.Cut(x, ".")
		n, err := strconv.Atoi(a)
		c.must(err)
		list.Attempts, list.Digests = append(list.Attempts, int32(n)), append(list.Digests, c.digest(d))
	}
	return list
}

func (c command) admit() Admit {
	e := Admit{
		Job: JobID(c.arg(0)), Priority: c.num("prio", 0), Maps: c.num("maps", 0), Reduces: c.num("reduces", 0),
		MaxAttempts: c.num("max", 0), NoBackup: c.num("backup", 1) == 0, Tails: c.num("tails", 0) > 0, Gen: int32(c.num("gen", 0)), FirstAttempt: int32(c.num("first", 0)),
		Uncut: c.num("uncut", 0) > 0, Strict: c.num("strict", 0) > 0, Redone: c.num("redone", 0), Published: c.num("published", 0) > 0,
		Finished: map[TaskID]Consumed{}, Stored: c.held(c.opt["stored"]),
	}
	for _, w := range c.list("await") {
		e.Await = append(e.Await, WorkerID(w))
	}
	if v := c.opt["until"]; v != "" {
		e.AwaitUntil = zero.Add(c.duration(v))
	}
	for _, x := range c.list("finished") {
		id, consumed, _ := strings.Cut(x, ":")
		e.Finished[c.attempt(c.arg(0)+"/"+id).TaskID] = c.consumed(consumed)
	}
	return e
}
