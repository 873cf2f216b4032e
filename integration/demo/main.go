// Command demo shows a cluster of real processes over a real MinIO: word count over the Go source tree, with the leader
// and a worker killed in the middle. It ends with exit code 1 if the answer is not exactly that of a plain program.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/integration/scenario"
	"github.com/mrctl/mrctl/internal/s3server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func say(format string, args ...any) {
	fmt.Printf("%s  %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "mrctl-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			fmt.Fprintln(os.Stderr, "logs are left in", dir)
			return
		}
		_ = os.RemoveAll(dir) // only a temporary folder
	}()
	binary, err := filepath.Abs("bin/mrctl")
	if err != nil {
		return err
	}
	server, err := s3server.Start(ctx, s3server.MinIO, filepath.Join(dir, "minio"))
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop() }() // the process ends with this one anyway
	say("MinIO serves at %s", server.Endpoint)
	src, tree, err := upload(ctx, server)
	if err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Binary: binary, Dir: dir, Store: "s3://cluster/mrctl", Coordinators: 3, Workers: 3, Slots: 1, Memory: "256MiB",
		Env: []string{"AWS_ENDPOINT_URL=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + server.AccessKey, "AWS_SECRET_ACCESS_KEY=" + server.SecretKey, "AWS_REGION=us-east-1"},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	say("3 coordinators and 3 workers are up")
	r, err := scenario.Failover(ctx, c, 0.4, say, "./examples/wordcount", "s3://input/"+src, "-o", "s3://output/words",
		"--decompress", "none", "--partitions", "8", "--split-size", "1MiB")
	if err != nil {
		return err
	}
	say("the job is done after %v", r.Total.Round(time.Millisecond))
	b, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err != nil {
		return err
	}
	got, found, err := b.Parts(ctx, "output", "words/")
	if err != nil {
		return err
	}
	want, err := reference.WordCount(tree)
	if err != nil {
		return err
	}
	if diff := reference.Diff(got, want); diff != "" || !found {
		return fmt.Errorf("the answer is wrong (_SUCCESS: %v): %s", found, diff)
	}
	fmt.Printf(`
%d different words, equal to a plain one-process count.
finished tasks kept   %d of the %d that were done when the leader died (%d tasks in all)
attempts lost         %d (with the killed worker), failed %d
fail-over             %v until another leader answered, %v until the next task was done
`, len(got), r.Kept, r.DoneBefore, r.Tasks, r.Final.AttemptsLost, r.Final.AttemptsFailed,
		r.FailOver.Round(time.Millisecond), r.Resumed.Round(time.Millisecond))
	return nil
}

// upload puts the Go source tree into the bucket "input".
func upload(ctx context.Context, server *s3server.Server) (prefix, tree string, err error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", "", fmt.Errorf("go env GOROOT: %w", err)
	}
	tree = filepath.Join(strings.TrimSpace(string(root)), "src")
	b, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err != nil {
		return "", "", err
	}
	for _, name := range []string{"cluster", "input", "output"} {
		if err := b.Make(ctx, name); err != nil {
			return "", "", err
		}
	}
	began := time.Now()
	files, bytes, err := b.Upload(ctx, "input", "src/", tree)
	say("uploaded %d files, %d MB of the Go source tree in %v", files, bytes/1e6, time.Since(began).Round(time.Millisecond))
	return "src/", tree, err
}
