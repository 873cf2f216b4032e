package s3_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/s3"
	"github.com/mrctl/mrctl/storage/storagetest"
)

// TestServers runs on versitygw, and on MinIO too under make test-minio.
func TestServers(t *testing.T) {
	kinds := []s3server.Kind{s3server.VersityGW}
	if os.Getenv("MRCTL_TEST_MINIO") == "1" {
		kinds = append(kinds, s3server.MinIO)
	}
	for _, kind := range kinds {
		t.Run(fmt.Sprint(kind), func(t *testing.T) { contract(t, kind) })
	}
}

func contract(t *testing.T, kind s3server.Kind) {
	server := s3server.ForTest(t, kind)
	t.Run("Store", func(t *testing.T) {
		var n atomic.Int32
		storagetest.RunPair(t, func(t *testing.T) (a, b storage.Store) {
			prefix := fmt.Sprintf("store/%d", n.Add(1))
			return open(t, server, prefix), open(t, server, prefix)
		})
	})
	t.Run("Source", func(t *testing.T) {
		var n atomic.Int32
		storagetest.RunSource(t, func(t *testing.T) (storage.Source, func(string, []byte)) {
			bucket := fmt.Sprintf("source-%d", n.Add(1))
			raw := rawClient(t, server)
			if err := raw.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}
			c := client(t, s3.Options{Endpoint: server.Endpoint, Credentials: keys(server)})
			return c.Source(bucket), func(key string, body []byte) {
				_, err := raw.PutObject(t.Context(), bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{DisableContentSha256: true})
				if err != nil {
					t.Fatalf("put %q: %v", key, err)
				}
			}
		})
	})
}

func keys(s *s3server.Server) s3.Credentials {
	return s3.Credentials{AccessKey: s.AccessKey, SecretKey: s.SecretKey}
}

func client(t *testing.T, opts s3.Options) *s3.Client {
	t.Helper()
	c, err := s3.NewClient(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T, server *s3server.Server, prefix string) *s3.Store {
	t.Helper()
	s, err := client(t, s3.Options{Endpoint: server.Endpoint, Credentials: keys(server), PartSize: 5 << 20}).Store(s3server.Bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rawClient puts objects as a stranger would.
func rawClient(t *testing.T, server *s3server.Server) *minio.Client {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(server.Endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
