package s3server_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/s3server"
)

func TestStartAndStop(t *testing.T) {
	if _, err := s3server.Binary(s3server.VersityGW); err != nil {
		s3server.ForTest(t, s3server.VersityGW) // skips or fails, as is right
	}
	dir := filepath.Join(t.TempDir(), "made")
	for range 2 { // the second finds the bucket of the first
		s, err := s3server.Start(t.Context(), s3server.VersityGW, dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, s3server.Bucket)); err != nil {
			t.Errorf("the bucket is not there: %v", err)
		}
		for range 2 {
			if err := s.Stop(); err != nil {
				t.Errorf("Stop: %v", err)
			}
		}
		if c, err := net.Dial("tcp", strings.TrimPrefix(s.Endpoint, "http://")); err == nil {
			c.Close()
			t.Error("it still listens")
		}
	}
}

func TestBinary(t *testing.T) {
	t.Setenv("MRCTL_TOOLS", t.TempDir())
	for _, kind := range []s3server.Kind{s3server.VersityGW, s3server.MinIO} {
		if _, err := s3server.Binary(kind); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "MRCTL_TOOLS") {
			t.Errorf("%s is not installed: %v", kind, err)
		}
		if _, err := s3server.Start(t.Context(), kind, t.TempDir()); !errs.Is(err, errs.NotFound) {
			t.Errorf("Start without a binary: %v", err)
		}
	}
	if _, err := s3server.Binary("other"); !errs.Is(err, errs.Invalid) {
		t.Errorf("an unknown kind: %v", err)
	}
}
