// Package torture runs the built binary on what systems of this kind get wrong: inputs of every odd shape, inputs that
// change under the reader, programs and disks that fail half way, groups and values beyond memory. Each case states what
// must come of it, and how much time, disk and memory that may take.
//
// `make test` runs the cases that take moments; `make torture` runs all of them.
package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/bench/measure"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
)

// Case is one torment.
type Case struct {
	Name   string
	Answer string        // what must come of it, for people
	Bound  time.Duration // of the whole case; 0: a minute
	Disk   int64         // bytes that must be free for it; 0: next to nothing
	Large  bool          // for `make torture` only
	Run    func(r *room)
}

var cases = slices.Concat(lineCases, fileCases, archiveCases, formatCases, damageCases, changeCases, failureCases, groupCases, shapeCases, stageCases, mapOnlyCases)

// only, from the environment, picks cases by name; all, those that take long too.
var only, all = os.Getenv("MRCTL_TORTURE_ONLY"), os.Getenv("MRCTL_TORTURE") != ""

func TestTorture(t *testing.T) {
	pick, err := regexp.Compile(only)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, c := range cases {
		if c.Large && !all || !pick.MatchString(c.Name) {
			continue
		}
		ran++
		t.Run(c.Name, func(t *testing.T) {
			if c.Bound == 0 {
				c.Bound = time.Minute
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.Bound, errors.New("the case has not ended within its bound"))
			defer cancel()
			r := &room{T: t, ctx: ctx, dir: t.TempDir()}
			enough(t, r.dir, c.Disk)
			began := time.Now()
			c.Run(r)
			if t.Failed() {
				t.Logf("expected: %s", c.Answer)
			}
			t.Logf("%.1f s, %d MiB held at most", time.Since(began).Seconds(), r.peak>>20)
		})
	}
	if ran == 0 {
		t.Errorf("no case is called %q", only)
	}
}

// bin is what was built for the tests.
var bin struct{ dir, mrctl, plugin string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mrctl-torture-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin.dir, bin.mrctl, bin.plugin = dir, filepath.Join(dir, "mrctl"), filepath.Join(dir, "torture")
	code := 1
	for path, pkg := range map[string]string{bin.mrctl: "cmd/mrctl", bin.plugin: "integration/plugins/torture"} {
		cmd := exec.Command("go", "build", "-o", path, "github.com/mrctl/mrctl/"+pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, buildErr := cmd.CombinedOutput(); buildErr != nil {
			err = fmt.Errorf("build %s: %w\n%s", pkg, buildErr, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir) // a temporary folder
	os.Exit(code)
}

// room is where a case takes place.
type room struct {
	*testing.T
	ctx  context.Context
	dir  string
	runs int
	env  []string // of mrctl, besides that of the test
	peak int64    // bytes that mrctl and its plugins held at most, files left out
}

// path names something in the case's folder.
func (r *room) path(name string) string { return filepath.Join(r.dir, name) }

// file writes an input and gives its path.
func (r *room) file(name string, body string) string {
	r.Helper()
	path := r.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		r.Fatal(err)
	}
	return path
}

// ended is a run of mrctl that has ended.
type ended struct {
	r *room
	cluster.Result
	out  string // the folder of its output
	args []string
}

// run runs a job of the torture plugin on an input, or on those that flags name where it is "". Flags of mrctl come before "--",
// those of the plugin behind it.
func (r *room) run(job, input string, flags ...string) ended {
	r.Helper()
	return r.runBy(nil, job, input, flags...)
}

// runBy is run by way of a command, such as a shell that sets a limit first.
func (r *room) runBy(by []string, job, input string, flags ...string) ended {
	r.Helper()
	r.runs++
	e := ended{r: r, out: r.path(fmt.Sprintf("out-%d", r.runs))}
	own := slices.Index(flags, "--")
	if own < 0 {
		own = len(flags)
	}
	inputs := []string{input}
	if input == "" {
		inputs = nil
	}
	e.args = slices.Concat([]string{"run", bin.plugin}, inputs, []string{"-o", e.out, "--json", "--max-attempts", "1"}, flags[:own], []string{"--", "-job", job}, flags[min(own+1, len(flags)):])
	argv := append(append(slices.Clone(by), bin.mrctl), e.args...)
	exited := make(chan struct{})
	watched := make(chan measure.Memory, 1)
	var err error
	e.Result, err = cluster.RunWatched(r.ctx, argv[0], append([]string{"XDG_CACHE_HOME=" + r.path("cache")}, r.env...), func(pid int, alive bool) {
		if !alive {
			close(exited)
			return
		}
		go func() { watched <- measure.Watch(pid, 50*time.Millisecond, exited) }()
	}, argv[1:]...)
	if err != nil {
		r.Fatalf("mrctl %s: %v, %v\n%s", strings.Join(e.args, " "), err, context.Cause(r.ctx), e.Err)
	}
	r.peak = max(r.peak, (<-watched).Peak)
	return e
}

// fails demands the exit code of a job that failed, a reason that names things, and an output nobody takes for one.
func (e ended) fails(code int, says ...string) {
	e.r.Helper()
	if e.Code != code {
		e.r.Errorf("exit %d, want %d", e.Code, code)
	}
	for _, s := range says {
		if !strings.Contains(e.Err, s) {
			e.r.Errorf("%q is not said", s)
		}
	}
	left, _ := filepath.Glob(filepath.Join(e.out, "[^_]*")) // a pattern that is in order
	if len(left) > 0 {
		e.r.Errorf("it left %v", left)
	}
	e.tell()
}

// gives demands a job that is done, and its rows.
func (e ended) gives(want ...string) {
	e.r.Helper()
	if !e.done() {
		return
	}
	slices.Sort(want)
	if diff := reference.Diff(e.rows(), want); diff != "" {
		e.r.Errorf("%.500s", diff)
	}
	e.tell()
}

// rows are those of the output, sorted.
func (e ended) rows() []string {
	e.r.Helper()
	rows, err := reference.Parts(e.out)
	if err != nil {
		e.r.Fatal(err)
	}
	return rows
}

// done demands a job that is done.
func (e ended) done() bool {
	e.r.Helper()
	if e.Code != 0 {
		e.r.Errorf("exit %d", e.Code)
		e.tell()
	}
	return e.Code == 0
}

// counted demands a counter of a job that is done.
func (e ended) counted(name string, want int64) {
	e.r.Helper()
	lines := strings.Split(strings.TrimSpace(e.Out), "\n")
	var last struct{ Result cluster.Status }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		e.r.Fatalf("%v in %q", err, e.Out)
	}
	if got := last.Result.Counters[name]; got != want {
		e.r.Errorf("%s is %d, want %d", name, got, want)
	}
}

// tell shows what was said, where the case has failed.
func (e ended) tell() {
	if e.r.Failed() {
		e.r.Logf("mrctl %s\n%s", strings.Join(e.args, " "), e.Err[max(0, len(e.Err)-4000):])
	}
}

// within demands that nothing held more memory so far than was allowed, with what processes hold beside their buffers.
func (r *room) within(memory int64) {
	r.Helper()
	const beside = 2 * 64 << 20 // of mrctl and of the plugin
	if r.peak > memory+beside {
		r.Errorf("%d MiB were held, %d MiB and two times 64 MiB are allowed", r.peak>>20, memory>>20)
	}
}
