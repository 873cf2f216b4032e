package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/mrctl/mrctl/"

// pkg is what `go list` says of a package of this module; paths are relative to the module.
type pkg struct {
	ImportPath   string
	Dir          string
	Doc          string
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
}

// packages lists all packages of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps=false",
		"-json=ImportPath,Dir,Doc,Imports,Deps,TestImports,XTestImports,GoFiles", module+"...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
}

// rule forbids the packages under From to reach those under To, directly or through others.
type rule struct {
	from   []string
	to     []string
	except []string // packages under From that may, or under To that may be reached
	why    string
}

// The direction of imports: cmd -> coordinator | worker -> storage, jobs/spec, api -> internal.
var rules = []rule{
	{[]string{"coordinator"}, []string{"worker"}, nil,
		"coordinator and worker are separate processes; what both need to know is spoken in api"},
	{[]string{"worker"}, []string{"coordinator"}, nil,
		"coordinator and worker are separate processes; what both need to know is spoken in api"},
	{[]string{"coordinator", "worker", "storage", "jobs", "api", "internal", "examples"}, []string{"cmd", "integration"},
		nil, "cmd and integration stand at the top: they put the pieces together"},
	{[]string{"jobs"}, []string{"coordinator", "worker", "storage", "api/control", "api/session", "api/shuffle"}, nil,
		"jobs is all that a job author takes on: it speaks api/plugin and knows nothing of what runs it"},
	{[]string{"jobs/spec"}, []string{"api", "jobs"}, []string{"jobs/spec"},
		"a job as submitted is plain data, read by every process"},
	{[]string{"storage"}, []string{"coordinator", "worker", "jobs", "api"}, nil,
		"storage is a contract over bytes and rows; it does not know what they are for"},
	{[]string{"api"}, []string{"coordinator", "worker", "storage", "jobs"}, nil,
		"api is what is spoken between processes and depends on none of them"},
	{[]string{"internal"}, []string{"coordinator", "worker"}, nil,
		"internal rooms are shared by coordinator and worker, so they lie below both"},
	{[]string{"examples"}, []string{"coordinator", "worker", "storage", "api/control", "api/session", "api/shuffle"}, nil,
		"examples are written as a stranger would: they import jobs only"},
}

// only lists what may import a module of others directly, so that it could be replaced in one place.
var only = []struct {
	what string
	by   []string
	why  string
}{
	{"github.com/minio/minio-go/", []string{"storage/s3", "storage/locate", "internal/s3server"},
		"minio-go has traps that storage/s3 goes around; nobody else should meet them"},
	{"github.com/hashicorp/go-plugin", []string{"jobs", "worker/pluginhost", "internal/boundary"},
		"go-plugin is how a plugin starts and is dialed, which is the business of the two ends and what they share"},
	{"github.com/urfave/cli/", []string{"cmd/mrctl"}, "the command line is cmd/mrctl's"},
	{"github.com/vbauerster/mpb/", []string{"cmd/mrctl"}, "the terminal is cmd/mrctl's"},
}

func under(path string, roots []string) bool {
	for _, r := range roots {
		if path == r || strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	return false
}

func TestImportDirections(t *testing.T) {
	for _, p := range packages(t) {
		for _, r := range rules {
			if !under(p.ImportPath, r.from) {
				continue
			}
			for _, d := range p.Deps {
				if d, ours := strings.CutPrefix(d, module); ours && d != p.ImportPath && under(d, r.to) && !under(d, r.except) {
					t.Errorf("%s reaches %s: %s (DESIGN 2)", p.ImportPath, d, r.why)
				}
			}
		}
	}
}

// Users write their examples' tests with jobstest, so those too keep to what is public.
func TestExamplesImportJobsOnly(t *testing.T) {
	for _, p := range packages(t) {
		if !under(p.ImportPath, []string{"examples"}) {
			continue
		}
		for _, list := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for _, d := range list {
				if d, ours := strings.CutPrefix(d, module); ours && d != "jobs" && d != "jobs/jobstest" && !under(d, []string{p.ImportPath}) {
					t.Errorf("%s imports %s: examples are written as a stranger would, with jobs only (DESIGN 2)", p.ImportPath, d)
				}
			}
		}
	}
}

func TestOneDoorToOtherModules(t *testing.T) {
	for _, p := range packages(t) {
		for _, o := range only {
			if under(p.ImportPath, o.by) || under(p.ImportPath, []string{"integration"}) {
				continue
			}
			for _, d := range p.Imports {
				if strings.HasPrefix(d, o.what) {
					t.Errorf("%s imports %s: %s", p.ImportPath, d, o.why)
				}
			}
		}
	}
}
