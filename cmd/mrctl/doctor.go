package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/probe"
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "check this machine and a cluster, and say what to do",
		Description: `Without --store it looks at this machine alone. Exits with 3 if the store or the cluster cannot be used, with 1 if
this machine cannot.

  mrctl doctor
  mrctl doctor --store s3://cluster/mrctl`,
		Action: p.doctor,
	}
}

// finding is the result of one check.
type finding struct {
	What   string `json:"what"`
	State  string `json:"state"` // ok, warning, failed
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"`
	code   int    // the exit code if it failed
}

func good(what, format string, args ...any) finding {
	return finding{What: what, State: "ok", Detail: fmt.Sprintf(format, args...)}
}

func doubtful(what, detail, next string) finding {
	return finding{What: what, State: "warning", Detail: detail, Next: next}
}

func failed(what string, code int, err error, otherwise string) finding {
	f := finding{What: what, State: "failed", Detail: err.Error(), Next: otherwise, code: code}
	if hint := hintOf(err); hint != "" {
		f.Next = hint
	}
	return f
}

func (p *program) doctor(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	code := exitDone
	see := func(f finding) error {
		code = max(code, f.code)
		if c.Bool(flagJSON) {
			return printJSON(p.stdout, f)
		}
		_, err := fmt.Fprintf(p.stdout, "%-8s %-10s %s\n", f.State, f.What, f.Detail)
		if err == nil && f.Next != "" {
			_, err = fmt.Fprintf(p.stdout, "%-19s next: %s\n", "", f.Next)
		}
		return err
	}
	for _, f := range []finding{checkCache(c.Context), checkSpace(), checkMemory(), checkToolchain(c.Context)} {
		if err := see(f); err != nil {
			return err
		}
	}
	if c.String(flagStore) != "" {
		for f := range checkCluster(c) {
			if err := see(f); err != nil {
				return err
			}
		}
	}
	if code != exitDone {
		return exitWith(code, errs.New(errs.Other, "doctor: something failed"))
	}
	return nil
}

// checkCache tries the folder where runs take place, as a store.
func checkCache(ctx context.Context) finding {
	const what, advice = "cache", "set XDG_CACHE_HOME to a folder on a local disk that you may write to"
	base, err := home()
	if err != nil {
		return failed(what, exitFailed, err, advice)
	}
	dir := filepath.Join(base, "doctor", ledger.NewNonce()[:8])
	defer os.RemoveAll(dir)
	store, err := local.New(dir, local.Options{NoSync: true})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		err = probe.Check(ctx, store)
	}
	if err != nil {
		return failed(what, exitFailed, err, advice)
	}
	return good(what, "%s works as a store", base)
}

// minSpace is the free space below which a run is likely to fail: spills and runs are about as large as the input.
const minSpace = 2 << 30

func checkSpace() finding {
	base, err := home()
	if err != nil {
		return failed("space", exitFailed, err, "")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(nearestFolder(base), &fs); err != nil {
		return failed("space", exitFailed, err, "")
	}
	free := fs.Bavail * uint64(fs.Bsize)
	text := fmt.Sprintf("%s free for runs and spills", showSize(free))
	if free < minSpace {
		return doubtful("space", text, "mrctl gc removes old runs; XDG_CACHE_HOME names another disk")
	}
	return good("space", "%s", text)
}

// nearestFolder is dir or the innermost folder above it that exists.
func nearestFolder(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func checkMemory() finding {
	whole := machineMemory()
	if whole == 0 {
		return doubtful("memory", "this machine does not say how much it has", "say --memory when you run or serve")
	}
	n, err := parseSize(defaultMemory, whole)
	if err != nil {
		return failed("memory", exitFailed, err, "")
	}
	return good("memory", "%s; a worker takes %s (%s) and %s unless told otherwise", showSize(uint64(whole)), showSize(uint64(n)),
		defaultMemory, count(uint64(defaultSlots()), "slot"))
}

func checkToolchain(ctx context.Context) finding {
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return doubtful("go", "there is no Go toolchain: "+err.Error(), "install Go to run plugins from source; binaries work without")
	}
	return good("go", "%s builds plugins from source", strings.TrimSpace(string(out)))
}

// checkCluster looks at the store and at who works around it. What rests on something that failed is left out.
func checkCluster(c *cli.Context) func(yield func(finding) bool) {
	return func(yield func(finding) bool) {
		ctx, cancel := context.WithTimeout(c.Context, time.Minute)
		defer cancel()
		cl, err := openCluster(c)
		if err == nil {
			defer cl.close()
			err = probe.Check(ctx, cl.store)
		}
		if err != nil {
			yield(failed("store", exitUnreachable, err, "check --s3-endpoint, AWS_* and the config file, and that the bucket is there"))
			return
		}
		if !yield(good("store", "%s keeps its promises", cl.uri)) || !yield(checkClock(ctx, cl)) {
			return
		}
		l, err := cl.askLeader(ctx)
		if err != nil {
			yield(failed("leader", exitUnreachable, err, "start one with: mrctl serve coordinator --store "+cl.uri))
			return
		}
		if !yield(good("leader", "%s at %s, epoch %d", l.Holder, l.Addr, l.Epoch)) {
			return
		}
		if l.Version != versionText() && !yield(doubtful("version", fmt.Sprintf("the leader is %s, this is %s", l.Version, versionText()),
			"use one version for all")) {
			return
		}
		yield(checkWorkers(ctx, cl))
	}
}

func checkWorkers(ctx context.Context, cl *cluster) finding {
	advice := "start one with: mrctl serve worker --store " + cl.uri
	list, err := cl.workers(ctx)
	if err != nil {
		return failed("workers", exitUnreachable, err, "")
	}
	var slots, busy, ready uint64
	for _, w := range list {
		slots, busy = slots+uint64(w.Slots), busy+uint64(w.Busy)
		if w.State == "ready" {
			ready++
		}
	}
	text := fmt.Sprintf("%d of %s ready, %d of %s busy", ready, count(uint64(len(list)), "worker"), busy, count(slots, "slot"))
	if ready == 0 {
		return failed("workers", exitUnreachable, errs.New(errs.Unavailable, "%s", text), advice)
	}
	return good("workers", "%s", text)
}

// maxSkew is how far clocks may differ without misleading people; nothing else rests on them.
const maxSkew = 30 * time.Second

// checkClock compares this machine's clock with the one the store stamps objects with.
func checkClock(ctx context.Context, cl *cluster) finding {
	key := "doctor/" + ledger.NewNonce()
	before := time.Now()
	_, err := cl.store.PutIf(ctx, key, []byte("mrctl doctor was here"), "")
	after := time.Now()
	if err != nil {
		return failed("clock", exitUnreachable, err, "")
	}
	defer func() { _ = cl.store.Delete(context.WithoutCancel(ctx), key) }() // one small object left behind harms nothing
	info, err := cl.store.Stat(ctx, key)
	if err != nil {
		return failed("clock", exitUnreachable, err, "")
	}
	skew := info.ModTime.Sub(before.Add(after.Sub(before) / 2))
	text := fmt.Sprintf("the store's clock is %s from this machine's", showFor(skew.Abs()))
	if skew.Abs() > maxSkew {
		return doubtful("clock", text, "set the time by NTP; leases do not rest on it, but times that are shown do, and S3 refuses large differences")
	}
	return good("clock", "%s", text)
}
