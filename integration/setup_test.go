// Package integration tests the built binary as people use it: real processes, a real S3 server, kills.
package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// built holds what the tests run, built once.
var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mrctl-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir, built.paths = dir, map[string]string{}
	code := m.Run()
	_ = os.RemoveAll(dir) // a temporary folder
	os.Exit(code)
}

// build builds a package of this module, once.
func build(t *testing.T, pkg string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if p := built.paths[pkg]; p != "" {
		return p
	}
	path := filepath.Join(built.dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	built.paths[pkg] = path
	return path
}

func binary(t *testing.T) string { t.Helper(); return build(t, "github.com/mrctl/mrctl/cmd/mrctl") }
func wordcount(t *testing.T) string {
	t.Helper()
	return build(t, "github.com/mrctl/mrctl/examples/wordcount")
}
func plugin(t *testing.T, name string) string {
	t.Helper()
	return build(t, "github.com/mrctl/mrctl/integration/plugins/"+name)
}

func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// mrctl runs the binary with a cache folder of the test's own.
func mrctl(t *testing.T, ctx context.Context, args ...string) cluster.Result {
	t.Helper()
	r, err := cluster.Run(ctx, binary(t), private(t), args...)
	if err != nil {
		t.Fatalf("mrctl %v: %v\n%s", args, err, r.Err)
	}
	return r
}

// private keeps the history of runs away from the user's, but not the compiler's cache.
func private(t *testing.T) []string {
	t.Helper()
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"XDG_CACHE_HOME=" + filepath.Join(built.dir, "cache"), "GOCACHE=" + strings.TrimSpace(string(goCache))}
}

// textTree writes files of random words, the same for the same numbers.
func textTree(t *testing.T, files, lines int) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(files), uint64(lines)))
	z := rand.NewZipf(r, 1.2, 1, 5000)
	for i := range files {
		var b []byte
		for range lines {
			for range 1 + r.IntN(8) {
				b = fmt.Appendf(b, "w%d ", z.Uint64())
			}
			b = append(b, '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.txt", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
