// Package s3server runs a real S3 server as a process of its own: for tests and for the demonstration cluster.
//
// It finds binaries, it never builds them: `make` installs pinned versions into a cache. Each server listens on a free
// port of the loopback, has one set of keys, and dies with the process that started it.
package s3server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/mrctl/mrctl/internal/child"
	"github.com/mrctl/mrctl/internal/errs"
)

// Kind is a make of server.
type Kind string

// The servers that are known.
const (
	VersityGW Kind = "versitygw" // small and quick to start; keeps objects as files, without fsync
	MinIO     Kind = "minio"     // what users have
)

// Bucket exists on every server that has started.
const Bucket = "mrctl"

// Keys of every server. MinIO wants 8 characters of secret at least.
const (
	accessKey = "mrctl-test"
	secretKey = "mrctl-test-secret" // of servers that live as long as a test
)

// Server is a running server.
type Server struct {
	Endpoint  string // http://127.0.0.1:port
	AccessKey string
	SecretKey string

	stop    func()
	process *child.Process
	log     tail
}

// Binary gives the path of a kind's binary: below $MRCTL_TOOLS, or mrctl-tools in the user's cache folder. Where there
// is none the error is of kind NotFound and says what to do.
func Binary(kind Kind) (string, error) {
	dir := os.Getenv("MRCTL_TOOLS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", errs.E(errs.NotFound, "find", string(kind), err)
		}
		dir = filepath.Join(cache, "mrctl-tools")
	}
	var path string
	switch kind {
	case VersityGW:
		path = filepath.Join(dir, "versitygw-v1.8.0", "versitygw")
	case MinIO:
		path = filepath.Join(dir, "minio", "minio")
	default:
		return "", errs.New(errs.Invalid, "no S3 server is called %q", kind)
	}
	if _, err := os.Stat(path); err != nil {
		return "", errs.New(errs.NotFound, "%s is not installed (run make tools, or set MRCTL_TOOLS): %w", kind, err)
	}
	return path, nil
}

// Start runs a server that keeps its objects below dir, which is made if need be, and returns once Bucket is there. The
// server outlives ctx, which bounds the start alone.
func Start(ctx context.Context, kind Kind, dir string) (*Server, error) {
	path, err := Binary(kind)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	// The port is free when we look; somebody may take it before the server does.
	for try := 1; ; try++ {
		s, err := start(ctx, kind, path, dir)
		if err == nil || try == 3 || ctx.Err() != nil {
			return s, err
		}
	}
}

func start(ctx context.Context, kind Kind, path, dir string) (*Server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	var cmd *exec.Cmd
	if kind == MinIO {
		cmd = exec.CommandContext(life, path, "server", "--quiet", "--address", addr, dir)
		cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+accessKey, "MINIO_ROOT_PASSWORD="+secretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off")
	} else {
		// Without --keep-alive it closes the connection after each request.
		cmd = exec.CommandContext(life, path, "--port", addr, "--access", accessKey, "--secret", secretKey,
			"--quiet", "--keep-alive", "posix", dir)
	}
	s := &Server{Endpoint: "http://" + addr, AccessKey: accessKey, SecretKey: secretKey, stop: stop}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if s.process, err = child.Start(cmd); err != nil {
		stop()
		return nil, errs.E(errs.Other, "start", path, err)
	}
	if err := s.ready(ctx); err != nil {
		return nil, errs.New(errs.Unavailable, "%s at %s did not get ready: %w\n%s", kind, addr, errors.Join(err, s.Stop()), s.log.String())
	}
	return s, nil
}

// ready waits until the server serves, which it shows by making the bucket.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.makeBucket(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("it ended: %w", errors.Join(s.process.Err(), err))
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func (s *Server) makeBucket(ctx context.Context) error {
	c, err := minio.New(s.Endpoint[len("http://"):], &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: "us-east-1", MaxRetries: 1,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ok, err := c.BucketExists(ctx, Bucket)
	if err != nil || ok {
		return err
	}
	return c.MakeBucket(ctx, Bucket, minio.MakeBucketOptions{})
}

// Stop kills the server and waits for its end. It may be called twice.
func (s *Server) Stop() error {
	s.stop()
	err := s.process.Err()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return nil
		}
	}
	return err
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tail keeps the last of what a server says.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() > 64<<10 {
		t.buf.Next(t.buf.Len() - 32<<10)
	}
	return t.buf.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
