package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/integration/bench/gen"
	"github.com/mrctl/mrctl/integration/bench/measure"
)

const module = "github.com/mrctl/mrctl/"

// kit is what cases are made of: data, built programs, places for results.
type kit struct {
	config
	log     io.Writer
	root    string // all that is removed in the end
	bin     string // so is this; not in memory, where the text of programs would count as theirs
	scratch string // of the case at hand: results
	build   func(ctx context.Context, pkg string) (string, error)
	built   map[string]string
}

// newKit makes a kit for cases, with its scratch where there is room for all of them.
func newKit(c config, chosen []entry, log io.Writer) (*kit, error) {
	parent := c.scratch
	if parent == "" {
		most := int64(1)
		for _, e := range chosen {
			most = max(most, e.times())
		}
		parent = roomy(most * c.size)
	}
	root, err := os.MkdirTemp(parent, "mrctl-bench-")
	if err != nil {
		return nil, err
	}
	bin, err := os.MkdirTemp("", "mrctl-bench-bin-")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	k := &kit{config: c, log: log, root: root, bin: bin, built: map[string]string{}}
	k.build = k.goBuild
	return k, nil
}

func (k *kit) close() { _, _ = os.RemoveAll(k.root), os.RemoveAll(k.bin) } // scratch

// begin clears the place for results.
func (k *kit) begin() error {
	k.scratch = filepath.Join(k.root, "case")
	if err := os.RemoveAll(k.scratch); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(k.scratch, "tmp"), 0o755)
}

// data gives the path of a data set, made if need be.
func (k *kit) data(ctx context.Context, kind gen.Kind, size int64) (string, error) {
	s := gen.Spec{Kind: kind, Size: size, Seed: k.seed}
	fmt.Fprintf(k.log, "data: %s\n", s.Name())
	return gen.Ensure(ctx, k.cache, s)
}

// program gives the path of a package's built binary. What is built is as mrctl builds plugins.
func (k *kit) program(ctx context.Context, pkg string) (string, error) {
	if pkg == mrctlPkg && k.mrctl != "" {
		return filepath.Abs(k.mrctl)
	}
	if p := k.built[pkg]; p != "" {
		return p, nil
	}
	p, err := k.build(ctx, pkg)
	if err == nil {
		k.built[pkg] = p
	}
	return p, err
}

func (k *kit) goBuild(ctx context.Context, pkg string) (string, error) {
	path := filepath.Join(k.bin, filepath.Base(pkg))
	fmt.Fprintf(k.log, "build: %s\n", pkg)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid=", "-o", path, module+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

const (
	mrctlPkg = "cmd/mrctl"
	refsPkg  = "integration/bench/refs"
)

// mrctlRun makes commands `mrctl run FLAGS -o OUT PLUGIN INPUT`, with the kit's memory and slots and a cache folder of the
// case's own, in which it keeps its runs.
func (k *kit) mrctlRun(ctx context.Context, plugin, input string, flags ...string) (func(out string) measure.Command, error) {
	binary, err := k.program(ctx, mrctlPkg)
	if err != nil {
		return nil, err
	}
	path, err := k.program(ctx, plugin)
	if err != nil {
		return nil, err
	}
	env := k.env()
	return func(out string) measure.Command {
		argv := append([]string{binary, "run", "--memory", k.memory, "--slots", fmt.Sprint(k.slots), "-o", out}, flags...)
		return measure.Command{Argv: append(argv, path, input), Env: env}
	}, nil
}

// env keeps what programs write besides their results in the case's scratch folder, where it is as fast for all.
func (k *kit) env() []string {
	return []string{
		"TMPDIR=" + filepath.Join(k.scratch, "tmp"), "LC_ALL=C",
		"XDG_CACHE_HOME=" + filepath.Join(k.scratch, "cache"), "XDG_CONFIG_HOME=" + filepath.Join(k.scratch, "config"),
	}
}

// refs makes commands of one of our reference programs; it prints its result unless args name OUT.
func (k *kit) refs(ctx context.Context, threads int, args ...string) (func(out string) measure.Command, error) {
	path, err := k.program(ctx, refsPkg)
	if err != nil {
		return nil, err
	}
	env := append(k.env(), fmt.Sprintf("GOMAXPROCS=%d", threads))
	return printing(path, args, env), nil
}

// outArg stands for the place of the result in arguments.
const outArg = "OUT"

// printing makes commands of a program that prints its result, or that takes the name of a file where outArg stands.
func printing(path string, args, env []string) func(out string) measure.Command {
	return func(out string) measure.Command {
		c := measure.Command{Argv: []string{path}, Env: env, Stdout: out}
		for _, a := range args {
			if a == outArg {
				a, c.Stdout = out, ""
			}
			c.Argv = append(c.Argv, a)
		}
		return c
	}
}

// tool looks for a program of the machine; missing says why it cannot be used.
func tool(name string) (path, missing string) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		return "", name + " is not installed"
	}
	if err != nil {
		return "", err.Error()
	}
	return path, ""
}

// memoryBytes is the -memory as a number; 0 where it is none that we can read (mrctl reads more).
func (k *kit) memoryBytes() int64 {
	for unit, shift := range map[string]int{"GiB": 30, "MiB": 20, "KiB": 10} {
		if n, ok := strings.CutSuffix(k.memory, unit); ok {
			v, err := strconv.ParseInt(n, 10, 33)
			if err != nil {
				return 0
			}
			return v << shift
		}
	}
	return 0
}
