package s3server

import (
	"os"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

// ForTest runs a server until the test ends. Where its binary is not installed the test is skipped, in so many words;
// under $CI, and for MinIO when $MRCTL_TEST_MINIO asks for it, it fails.
func ForTest(t testing.TB, kind Kind) *Server {
	t.Helper()
	if _, err := Binary(kind); errs.Is(err, errs.NotFound) {
		if os.Getenv("CI") != "" || kind == MinIO && os.Getenv("MRCTL_TEST_MINIO") == "1" {
			t.Fatalf("this test must run: %v", err)
		}
		t.Skipf("NOT TESTED against %s: %v", kind, err)
	}
	s, err := Start(t.Context(), kind, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("%s ended badly: %v\n%s", kind, err, s.log.String())
		}
	})
	return s
}
