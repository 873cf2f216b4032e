package integration

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/internal/mtls/mtlstest"
)

func tlsEnv(f mtls.Files) []string {
	return []string{"MRCTL_TLS_CERT=" + f.Cert, "MRCTL_TLS_KEY=" + f.Key, "MRCTL_TLS_CA=" + f.CA}
}

// TestClusterWithTLS: all processes and the client have certificates of one authority and a job that shuffles between
// workers is right. Who has none, or one of another authority, is not talked to.
func TestClusterWithTLS(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir, tree := t.TempDir(), textTree(t, 8, 1000)
	ours := mtlstest.New(t)
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary(t), Dir: dir, Store: filepath.Join(dir, "store"), Coordinators: 1, Workers: 2, Memory: "64MiB",
		Env: tlsEnv(ours.Issue("member", nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	t.Cleanup(func() { showLogs(t, c) })

	for name, env := range map[string][]string{
		"no certificate": nil, "another authority": tlsEnv(mtlstest.New(t).Issue("stranger", nil)),
	} {
		r, err := cluster.Run(ctx, c.Binary, append(env, "MRCTL_STORE="+c.Store), "workers")
		if err != nil || r.Code != 3 || !strings.Contains(r.Err, "leader") {
			t.Errorf("%s: exit %d, %v\n%s", name, r.Code, err, r.Err)
		}
		if strings.Contains(r.Err, "--tls-cert") != (env == nil) {
			t.Errorf("%s is told\n%s", name, r.Err)
		}
	}

	out := filepath.Join(dir, "out")
	id, err := c.Submit(ctx, plugin(t, "slowcount"), tree, "-o", out, "--partitions", "3", "--split-size", "20KiB")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.WaitDone(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if s.Counters["reduce.shuffled_bytes"] == 0 {
		t.Errorf("nothing went from worker to worker: %v", s.Counters)
	}
	got, err := reference.Parts(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := reference.WordCount(tree)
	if err != nil {
		t.Fatal(err)
	}
	if diff := reference.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}
